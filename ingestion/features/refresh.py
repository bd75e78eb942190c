"""Features brought up to the end of the log, in the caller's transaction: change rows, group state, vocabulary,
counts of bets, log position, watermark.

The cost follows the number of new versions, not the history: each group that changed starts from its state in
features.group_state. A long log goes through in chunks, so memory is bounded too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import narwhals as nw
import polars as pl
import psycopg

from feature_repo.declarations.groups import SPORT_MARKET
from feature_repo.group_keys import key_expression, split_key
from feature_repo.postgres.copy import copy_in, copy_out
from ingestion.database.access import statement
from ingestion.features import feature_versions
from ingestion.features.last_n import BETS_SCHEMA, RecentBets, short_of_bets
from ingestion.features.replay import LOG_SCHEMA, STATE_SCHEMA, replay
from ingestion.progress import Progress, silent
from ingestion.runs.record import Documented

# Versions that go through memory at once: about 600 MB at the peak.
CHUNK_SIZE: Final = 500_000


@dataclass(frozen=True)
class RefreshCounts(Documented):
    """What a refresh wrote."""

    #: Change rows written by view; a view without any may be missing.
    change_rows: Mapping[str, int]

    @property
    def total(self) -> int:
        """Change rows written in all views."""
        return sum(self.change_rows.values())

    def document(self) -> dict[str, Any]:
        """The change rows by view."""
        return dict(self.change_rows)


def refresh(
    connection: psycopg.Connection,
    *,
    run_id: UUID,
    now: datetime,
    progress: Progress = silent,
    chunk_size: int = CHUNK_SIZE,
) -> RefreshCounts:
    """Bring the features up to the end of the log and set the features watermark to `now`. Returns what was written."""
    after, _, log_end = _one(connection, statement("log_position"))
    first, written = after, dict[str, int]()
    states = DatabaseStates(connection)
    while after < log_end:
        until: int = _one(connection, statement("chunk_end"), after=after, size=chunk_size)[0]
        log = read_log(connection, after, until)
        states.log_position = after
        for view, rows in replay(log, after, states):
            written[view] = written.get(view, 0) + store_changes(connection, view, rows, run_id)
        connection.execute(statement("extend_vocabulary"), {"after": after, "until": until, "run_id": run_id})
        connection.execute(statement("count_bets"), {"after": after, "until": until})
        after = until
        progress("features", after - first, log_end - first)
    connection.execute(statement("count_rows"), {"seq": after, "run_id": run_id})
    connection.execute(statement("upsert_features_watermark"), {"seq": after, "now": now, "run_id": run_id})
    feature_versions.record_versions(connection, run_id=run_id, now=now)
    return RefreshCounts(written)


def read_log(connection: psycopg.Connection, after: int, until: int) -> pl.DataFrame:
    """The counted versions with `after` < seq <= `until`, in no order, with replay.LOG_SCHEMA.

    Older versions that these replace are there too (their seq is up to `after`), so that they can be retracted.
    """
    return copy_out(connection, statement("log_chunk"), {"after": after, "until": until}, LOG_SCHEMA)


def store_changes(connection: psycopg.Connection, view: str, rows: pl.DataFrame, run_id: UUID) -> int:
    """Append change rows of a view, signed with the run, and return how many they are.

    `rows` have the view's key, event_timestamp and all of its features. created_timestamp and run_id are added here: a
    row counts as created at its own instant, whichever run writes it.
    """
    signed = rows.with_columns(created_timestamp="event_timestamp", run_id=pl.lit(str(run_id)))
    return copy_in(connection, f"features.{view}_changes", signed)


def withhold_refused(connection: psycopg.Connection) -> int:
    """Take versions out of the count that a gate refused and that came anew since. Returns of how many bets.

    They were never served, so no answer changes. Before the features follow the log past them.
    """
    return connection.execute(statement("withhold_refused")).rowcount


class DatabaseStates:
    """The groups' states as features.group_state holds them (replay.States)."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        # The log position of the states; bets are reloaded as they stood there.
        self.log_position = 0

    def sums(self, groups: pl.DataFrame) -> pl.DataFrame:
        """See States."""
        return self._stored(groups, STATE_SCHEMA)

    def put_sums(self, sums: pl.DataFrame) -> None:
        """See States."""
        self._upsert("upsert_sums", sums)

    def recent(self, events: pl.DataFrame) -> RecentBets:
        """See States."""
        groups = events.select("key", grouping=pl.lit(SPORT_MARKET.name)).unique()
        stored = self._stored(groups, pl.Schema({"key": pl.String, "recent": pl.String})).drop_nulls()
        if stored.is_empty():
            return RecentBets.none()
        state = decoded(stored)
        short = short_of_bets(state, events)
        return state if short.is_empty() else state.refilled(self._newest_graded(short))

    def put_recent(self, bets: RecentBets) -> None:
        """See States."""
        self._upsert("upsert_recent", _encoded(bets.trimmed()).with_columns(grouping=pl.lit(SPORT_MARKET.name)))

    def _stored(self, groups: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
        """Columns of features.group_state, which is empty before the first refresh: of these groups (grouping, key)."""
        if not self.log_position or groups.is_empty():
            return schema.to_frame()
        params = {"groupings": groups["grouping"].to_list(), "keys": groups["key"].to_list()}
        return copy_out(self._connection, statement("stored_groups"), params, schema)

    def _newest_graded(self, groups: pl.DataFrame) -> pl.DataFrame:
        """The newest `needed` graded bets of each of these groups (key, needed), from the log: BETS_SCHEMA."""
        sports, markets = zip(*map(split_key, groups["key"]), strict=True)
        wanted = {"sports": list(sports), "markets": list(markets), "needed": groups["needed"].to_list()}
        columns = {name: dtype for name, dtype in BETS_SCHEMA.items() if name != "key"}
        schema = {**columns, "sport": pl.String(), "market": pl.String()}
        params = {"until": self.log_position, **wanted}
        newest = nw.from_native(copy_out(self._connection, statement("newest_graded_bets"), params, schema))
        return newest.with_columns(key=key_expression(SPORT_MARKET.columns)).to_native().select(BETS_SCHEMA.names())

    def _upsert(self, name: LiteralString, rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        self._connection.execute(statement("state_table"))
        copy_in(self._connection, "moved_state", rows)
        self._connection.execute(statement(name))
        self._connection.execute("truncate pg_temp.moved_state")


def _encoded(state: RecentBets) -> pl.DataFrame:
    """One JSON text per group: its bets, oldest first, and how many are older."""
    fields = [name for name in BETS_SCHEMA.names() if name != "key"]
    held = state.bets.group_by("key", maintain_order=True).agg(bets=pl.struct(fields))
    both = held.join(state.older, on="key", how="full", coalesce=True)
    text = pl.struct(pl.col("older").fill_null(0), pl.col("bets").fill_null([])).struct.json_encode()
    return both.select("key", recent=text)


def decoded(rows: pl.DataFrame) -> RecentBets:
    """The recent bets of groups from their rows in features.group_state.

    `rows` have key and recent: a JSON object with `older`, the number of bets before those that are listed, and `bets`,
    oldest first.
    """
    fields = pl.Struct({name: dtype for name, dtype in BETS_SCHEMA.items() if name != "key"})
    states = rows.select(
        "key", state=pl.col("recent").str.json_decode(pl.Struct({"older": pl.Int64(), "bets": pl.List(fields)}))
    ).unnest("state")
    bets = states.select("key", "bets").explode("bets").drop_nulls("bets").unnest("bets")
    return RecentBets(bets.select(BETS_SCHEMA.names()), states.select("key", "older"))


def _one(connection: psycopg.Connection, query: LiteralString, **params: Any) -> tuple[Any, ...]:
    row = connection.execute(query, params).fetchone()
    if row is None:
        raise LookupError(f"no row from: {query}")
    return row
