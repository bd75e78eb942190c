"""What polling cannot see (R9): bets that vanished from the table, rows that a sync missed or that kept their stamp.

Both sides are compared by a digest per day of all that is read of the rows, so that nothing moves but digests while
nothing differs. Of a day that differs the keys are fetched, and of those only the rows in doubt. What the table no
longer has becomes a tombstone, known from now on; what was missed, or rewritten under its old `updated_at`, becomes a
version. A row that is only spelled otherwise changes nothing.

A bet is the business of one stream: of the one that brought its newest version, or of the table that showed it last
(raw.shown_bets). Bets of other streams are left alone unless one says that this table took them over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Final
from uuid import UUID

import polars as pl
import psycopg
from psycopg import sql

from feature_repo.bets.names import WHITESPACE
from feature_repo.errors import ConfigurationError, DeletesRefused
from feature_repo.postgres.copy import copy_out
from ingestion.database.access import statement
from ingestion.forgetting.keyed_digests import Forgotten
from ingestion.forgetting.user_column import DEFAULT_USER_COLUMN
from ingestion.intake.counts import ReconcileCounts
from ingestion.intake.load import load_rows
from ingestion.intake.streams import reconcile_command
from ingestion.intake.tombstones import write_tombstones
from ingestion.progress import Progress, silent
from ingestion.sources.digests import row_digest
from ingestion.sources.page import Page
from ingestion.sources.table import DIGESTS_SCHEMA, KEYS_SCHEMA, TableReader

# A key that sees fewer rows, or another table, looks like deletes. Up to this share of the bets, and this number in a
# small store, are believed unasked, but never more than half of them.
BELIEVED_SHARE: Final = 0.01
BELIEVED_NUMBER: Final = 100


@dataclass(frozen=True)
class RowsOfIds:
    """The rows of the table with these ids, as a source. `ids_in_table` gathers the ids that it still has."""

    name: str
    reading: TableReader
    ids: list[str]
    ids_in_table: set[str] = field(default_factory=set)
    is_table: bool = True
    is_partial: bool = True
    is_everything: bool = False
    shows_all_rows_of_ids: bool = True

    @property
    def row_count(self) -> int | None:
        """See RowSource. Those that vanished do not come."""
        return None

    def pages(self) -> Iterator[Page]:
        """See RowSource."""
        for page in self.reading.pages_of(self.ids):
            self.ids_in_table.update(_spelled(page.rows["id"]).drop_nulls())
            yield page

    def repeated_among(self, ids: Sequence[str]) -> set[str]:
        """See RowsOfTable."""
        return self.reading.repeated_among(ids)


def reconcile_table(
    connection: psycopg.Connection,
    name: str,
    reading: TableReader,
    *,
    run_id: UUID,
    clock: Callable[[], datetime],
    most_deletes: int | None = None,
    include_streams: Sequence[str] = (),
    user_column: str = DEFAULT_USER_COLUMN,
    progress: Progress = silent,
) -> ReconcileCounts:
    """Compare the table with raw, after a sync of it, and bring in what differs. Part of the caller's transaction.

    The bets of `include_streams` (names, or patterns as of a shell) are compared as if they were this table's.
    Raises ConfigurationError when there is no such stream, and DeletesRefused when more than `most_deletes` bets
    vanished; null: what is believed unasked.
    """
    streams = [name, *_included(connection, name, include_streams)]
    table_digests = reading.digests()
    ours = our_digests(connection, streams)
    days = differing_days(ours, table_digests)
    missed, vanished, days = _differences(connection, reading, days, progress)
    connection.execute(statement("drop_newest_versions"))
    # By the spelling of the table too, which may have white space around its ids.
    rows = RowsOfIds(name, reading, sorted({*missed, *vanished, *vanished.values()}))
    # What was written while both sides were compared lies past the clock of the beginning.
    now = clock()
    intake = (
        load_rows(connection, rows, run_id=run_id, now=now, user_column=user_column, progress=progress)
        if rows.ids
        else None
    )
    deleted = sorted(set(vanished) - rows.ids_in_table)
    _check(deleted, int(ours["rows"].sum()), most_deletes, name, include_streams)
    if deleted:
        write_tombstones(connection, deleted, name, run_id=run_id, now=now, is_gone=True)
    of_other_streams = connection.execute(statement("bets_of_other_streams"), {"streams": streams})
    return ReconcileCounts(
        days=pl.concat([ours["day"], table_digests["day"]]).n_unique(),
        differing=len(days),
        missed=intake.accepted if intake else 0,
        quarantined=intake.quarantined if intake else 0,
        reasons=intake.reasons if intake else {},
        deleted=len(deleted),
        of_other_streams=dict(of_other_streams.fetchall()),
    )


def _included(connection: psycopg.Connection, name: str, patterns: Sequence[str]) -> list[str]:
    """The streams beside `name` that these patterns mean. Raises ConfigurationError for one that means none."""
    others = [stream for (stream,) in connection.execute(statement("foreign_streams"), {"own": name})]
    meant = {pattern: [stream for stream in others if _is_meant(stream, pattern)] for pattern in patterns}
    if nothing := [pattern for pattern, streams in meant.items() if not streams]:
        raise ConfigurationError(
            f"No other stream is called {', '.join(nothing)}",
            "Nothing was changed",
            f"Those that brought bets: {', '.join(others)}" if others else "No other stream brought bets: leave it out",
        )
    return sorted({stream for streams in meant.values() for stream in streams})


def _is_meant(stream: str, pattern: str) -> bool:
    return stream == pattern or fnmatchcase(stream, pattern)


def our_digests(connection: psycopg.Connection, streams: Sequence[str]) -> pl.DataFrame:
    """The digests of what the store holds of these streams, with DIGESTS_SCHEMA.

    Leaves pg_temp.newest_versions for what comes next.
    """
    digest = row_digest(sql.SQL("coalesce(shown_bets.payload, newest.payload)::text"))
    versions = sql.SQL(statement("newest_versions_table")).format(digest=digest)
    connection.execute(versions, {"streams": list(streams)})
    query = sql.SQL(statement("day_digests")).format(keyed=sql.Identifier("pg_temp", "newest_versions"))
    return copy_out(connection, query, None, DIGESTS_SCHEMA)


def differing_days(ours: pl.DataFrame, table_digests: pl.DataFrame) -> list[date | None]:
    """The days whose digests differ, in order; null stands for the rows without a stamp.

    A day that no calendar of ours has (the year 12026) is left out: its rows are refused, and stand here without it.
    """
    both = ours.join(table_digests, on="day", how="full", coalesce=True, nulls_equal=True, suffix="_of_table")
    same = (pl.col("rows") == pl.col("rows_of_table")) & (pl.col("digest") == pl.col("digest_of_table"))
    has_day = pl.col("day").is_between(date.min, date.max) | pl.col("day").is_null()
    return both.filter(~same.fill_null(False), has_day)["day"].sort(nulls_last=True).to_list()


def _differences(
    connection: psycopg.Connection, reading: TableReader, days: list[date | None], progress: Progress
) -> tuple[list[str], dict[str, str], list[date | None]]:
    """Of these days: ids whose row there is not our newest; those of ours that are not there, as they were sent; and
    the days that differ in more than bets that were forgotten.
    """
    if not days:
        return [], {}, []
    ours = _our_keys(connection, reading.columns, days)
    forgotten = Forgotten.of_store(connection)
    missed, vanished, differing = list[str](), dict[str, str](), list[date | None]()
    for days_done, day in enumerate(days):
        progress("compare", days_done, len(days))
        table_keys = reading.keys(day)
        of_day = ours.filter(pl.col("stamp").dt.date().eq_missing(day))
        unknown = table_keys.join(of_day, on="digest", how="anti")["id"]
        not_taken_in = unknown.is_in(list(_forgotten_among(unknown, forgotten)))
        missed += unknown.filter(~not_taken_in).to_list()
        gone = of_day.filter(~pl.col("id").is_in(_spelled(table_keys["id"]).implode()))
        vanished |= dict(gone.select("id", pl.coalesce("sent_as", "id")).iter_rows())
        if gone.height or not unknown.len() or not not_taken_in.all():
            differing.append(day)
    progress("compare", len(days), len(days))
    return missed, vanished, differing


def _forgotten_among(ids: pl.Series, forgotten: Forgotten) -> set[str]:
    """Those of these ids, as the table spells them, whose bets were forgotten."""
    spelled = dict(zip(ids, _spelled(ids), strict=True))
    names = forgotten.among(spelled.values())
    return {identifier for identifier, name in spelled.items() if name in names}


def _our_keys(connection: psycopg.Connection, columns: Sequence[str], days: list[date | None]) -> pl.DataFrame:
    """What the store holds of these days, digested over these columns: KEYS_SCHEMA, and the id as it was sent."""
    row = sql.SQL("case when is_readable then row_to_json(known)::text else spelled.payload::text end")
    query = sql.SQL(statement("our_keys")).format(
        digest=row_digest(row),
        columns=sql.SQL(", ").join(sql.SQL("{} json").format(sql.Identifier(column)) for column in columns),
    )
    params = {"days": [day for day in days if day], "undated": None in days}
    return copy_out(connection, query, params, {**KEYS_SCHEMA, "sent_as": pl.String()})


def _spelled(ids: pl.Series) -> pl.Series:
    """Ids as validation spells them, and so the store."""
    return ids.cast(pl.String).str.strip_chars(WHITESPACE)


def _check(deleted: list[str], bets: int, most_deletes: int | None, name: str, include_streams: Sequence[str]) -> None:
    most = max(BELIEVED_NUMBER, int(bets * BELIEVED_SHARE)) if most_deletes is None else most_deletes
    if len(deleted) > most or (most_deletes is None and len(deleted) > bets / 2):
        right = " and held the bets of the streams that were included" if include_streams else ""
        raise DeletesRefused(
            f"{len(deleted):,} of {bets:,} bets are no longer in the table, for example {', '.join(deleted[:3])}; "
            f"up to {min(most, bets // 2):,} are believed",
            "Nothing was changed",
            "Look whether the key sees every row (row level security), and whether this is the right table"
            f"{right}. If they were deleted: {reconcile_command(name, len(deleted), include_streams)}",
            vanished=len(deleted),
        )
