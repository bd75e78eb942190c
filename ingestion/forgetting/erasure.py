"""A bet, or all bets of a user, taken out of the store's Postgres, in the caller's transaction.

What history rests on stays in the log without a name: the sums of groups as of an earlier instant are what they were.
From now on the bet counts no more. All else of it goes: payloads, rows of single bets, ids in lists and in words.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import narwhals as nw
import polars as pl
import psycopg
from psycopg import sql

from feature_repo.declarations.views import BET_VIEWS
from feature_repo.postgres.copy import copy_out
from ingestion.database.access import statement
from ingestion.features.replay import LOG_SCHEMA
from ingestion.features.running_sums import SUMS, contributions
from ingestion.forgetting.keyed_digests import KeyedDigests
from ingestion.forgetting.places import ROWS_BY_ID, ROWS_BY_SEQ, TEXTS
from ingestion.forgetting.receipt import PlaceCounts
from ingestion.forgetting.strike import PersonalNames, strike_column
from ingestion.forgetting.surrogates import Neighbours, surrogates
from ingestion.progress import Progress, silent

_HASH_BYTES: Final = 16
#: Where the id of a bet stands, of the two tables of versions.
_VERSIONS: Final = {"raw.bet_versions": "seq in (select seq from forgetting_seqs)",
                    "processed.bet_versions": "id in (select id from forgetting)"}  # fmt: skip
# What follows the id of a bet, or the number of a version, in the condition that it is to be forgotten.
_AMONG: Final[Mapping[str, LiteralString]] = {
    "id": " in (select id from forgetting)",
    "seq": " in (select seq from forgetting_seqs)",
}


@dataclass(frozen=True)
class Subject:
    """Whom or what is to be forgotten, as it stands in the store."""

    #: The ids of the bets.
    bets: frozenset[str]
    #: The user, where one is to be forgotten.
    user: str | None = None
    #: The versions of a user's rows, also of those without an id.
    user_seqs: tuple[int, ...] = ()

    @property
    def names(self) -> PersonalNames:
        """What may name them in words."""
        return PersonalNames(self.bets | ({self.user} if self.user else set()))


def erase(
    connection: psycopg.Connection,
    subject: Subject,
    digests: KeyedDigests,
    *,
    run_id: UUID,
    now: datetime,
    progress: Progress = silent,
) -> list[PlaceCounts]:
    """Take the subject out of every table, remember not to take it in again, and say what was found where."""
    with connection.cursor() as cursor:
        cursor.execute(statement("forget_tables"))
        cursor.executemany(statement("add_bet_to_forget"), [{"bet": bet} for bet in sorted(subject.bets)])
    user_digest = digests.digest("user", subject.user) if subject.user is not None else None
    seqs = [*subject.user_seqs, *_unreadable(connection, subject.names)]
    connection.execute(statement("forget_seqs"), {"user_digest": user_digest, "user_seqs": seqs})
    before = {place: _found(connection, place, condition) for place, condition in _conditions()}
    progress("log", 0, None)
    _forget_in_log(connection, run_id, now)
    _forget_changelogs(connection)
    progress("rows", 0, None)
    for place, condition in _conditions():
        if place not in _VERSIONS and not place.startswith("features."):
            query = sql.SQL(statement("forget_rows")).format(table=_table(place), condition=sql.SQL(condition))
            connection.execute(query)
    counts = [PlaceCounts(place, *before[place], _found(connection, place, condition)[1])
              for place, condition in _conditions()]  # fmt: skip
    counts += _forget_in_lists(connection)
    remembered = [digests.digest("bet", bet) for bet in subject.bets] + ([user_digest] if user_digest else [])
    kinds = ["bet"] * len(subject.bets) + ["user"] * (user_digest is not None)
    connection.execute(statement("forget_remember"), {"digests": remembered, "kinds": kinds})
    connection.execute("drop table pg_temp.forgetting, pg_temp.forgetting_seqs")
    return counts + _strike_texts(connection, subject.names, progress)


def _conditions() -> Iterable[tuple[str, LiteralString]]:
    """Every table with rows of single bets, and the condition that a row is one of those to be forgotten."""
    yield from _VERSIONS.items()
    for table, column in ROWS_BY_ID.items():
        by_seq = ROWS_BY_SEQ.get(table)
        named = _condition(column, "id")
        yield table, f"{named} or {_condition(by_seq, 'seq')}" if by_seq else named
    for table, column in ROWS_BY_SEQ.items():
        if table not in ROWS_BY_ID:
            yield table, _condition(column, "seq")


def _condition(column: LiteralString, by: LiteralString) -> LiteralString:
    return column + _AMONG[by]


def _unreadable(connection: psycopg.Connection, names: PersonalNames) -> list[int]:
    """The versions of rows that could not be read and hold one of these names."""
    rows = connection.execute(statement("forget_unnamed_rows"), {"names": names.spellings})
    return [seq for seq, payload in rows if names.stands_in(payload)]


def _found(connection: psycopg.Connection, table: str, condition: LiteralString) -> tuple[int, int]:
    query = sql.SQL(statement("forget_found")).format(table=_table(table), condition=sql.SQL(condition))
    rows, found = connection.execute(query).fetchone() or (0, 0)
    return rows, found


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))


# ---- the log ---------------------------------------------------------------------------------------------------------


def _forget_in_log(connection: psycopg.Connection, run_id: UUID, now: datetime) -> None:
    end, log_position, known_at = connection.execute(statement("forget_log_end"), {"now": now}).fetchone() or (
        0,
        0,
        now,
    )
    versions = copy_out(connection, statement("forget_published"), {"log_position": log_position}, LOG_SCHEMA)
    kept = _history(versions)
    new_ids = _give_new_ids(connection, kept)
    newest = kept.filter(pl.col("seq") == pl.col("seq").max().over("id"))
    vanished, standing = newest.filter("is_deleted"), newest.filter(~pl.col("is_deleted"))
    # One number past the end for each bet; of none where rows without an id go, too.
    ids = [new_ids[bet] for bet in sorted(new_ids)] or [f"forgotten-{secrets.token_hex(_HASH_BYTES)}"]
    seqs = {bet: end + place for place, bet in enumerate(ids, start=1)}
    lists = {"kept": kept["seq"].to_list(), "vanished": vanished["seq"].to_list()}
    connection.execute(statement("forget_log"), lists)
    connection.execute(
        statement("forget_retract"),
        {
            "newest": standing["seq"].to_list(),
            "seqs": [seqs[new_ids[bet]] for bet in standing["id"]],
            "run_id": run_id,
            "known_at": known_at,
        },
    )
    hashes = [secrets.token_bytes(_HASH_BYTES) for _ in ids]
    params = {"seqs": list(seqs.values()), "ids": ids, "hashes": hashes, "run_id": run_id, "now": now}
    connection.execute(statement("forget_raw"), params)


def _history(versions: pl.DataFrame) -> pl.DataFrame:
    """Of the published versions of bets those that history rests on.

    That is each that adds to the sums of a group, each that takes such a one out, and the newest of a bet that is not
    deleted, which is among the bets that are counted. Of a deleted bet the newest says so, where an older one stays.
    """
    summed = contributions(nw.from_native(versions, eager_only=True)).to_native()
    adding = summed.filter(pl.any_horizontal(pl.col(*SUMS) != 0))["seq"].implode()
    is_newest = pl.col("seq") == pl.col("seq").max().over("id")
    is_needed = (
        pl.col("seq").is_in(adding) | pl.col("previous_seq").is_in(adding) | (is_newest & ~pl.col("is_deleted"))
    ).fill_null(False)
    return versions.filter(is_needed | (is_newest & is_needed.any().over("id")))


def _give_new_ids(connection: psycopg.Connection, kept: pl.DataFrame) -> dict[str, str]:
    """Give each bet the id that the log will have for it, and return them by the old ones."""
    rows = connection.execute(statement("forget_neighbours"), {"seqs": kept["seq"].to_list()}).fetchall()
    between = {bet: Neighbours(bet, below, above) for bet, below, above in rows}
    bets = [bet for (bet,) in connection.execute(statement("bets_to_forget"))]
    new_ids = surrogates(between.get(bet, Neighbours(bet)) for bet in bets)
    with connection.cursor() as cursor:
        cursor.executemany(
            statement("name_forgotten_bet"), [{"bet": bet, "surrogate": new} for bet, new in new_ids.items()]
        )
    return new_ids


# ---- all else --------------------------------------------------------------------------------------------------------


def _forget_changelogs(connection: psycopg.Connection) -> None:
    """Remove the change rows of single bets; what is left of the runs that wrote them is sealed again."""
    for view in BET_VIEWS:
        changelog = sql.Identifier("features", f"{view.name}_changes")
        query = sql.SQL(statement("forget_served_rows")).format(changelog=changelog)
        runs = [run for run, _ in connection.execute(query)]
        if runs:
            connection.execute(statement("forget_seals"), {"view": view.name, "runs": runs})
            connection.execute(statement("forget_metadata"), {"view": view.name})


def _forget_in_lists(connection: psycopg.Connection) -> list[PlaceCounts]:
    """Take the bets out of the lists of last bets, where their new ids stand until they leave, and out of examples."""

    def held() -> tuple[int, int]:
        bets, forgotten = connection.execute(statement("forget_recent_held")).fetchone() or (0, 0)
        return bets, forgotten

    bets, found = held()
    connection.execute(statement("forget_recent"))
    counts = [PlaceCounts("features.group_state.recent", bets, found, held()[1])]
    lists: Sequence[tuple[str, LiteralString]] = (
        ("ops.gate_results.examples", "forget_examples"), ("ops.sync_state.cursor_id", "forget_cursors"),
    )  # fmt: skip
    for place, query in lists:
        table, _, column = place.rpartition(".")
        (values,) = connection.execute(
            sql.SQL(statement("strike_count")).format(table=_table(table), column=sql.Identifier(column))
        ).fetchone() or (0,)
        changed = connection.execute(statement(query)).rowcount
        counts.append(PlaceCounts(place, values, changed, connection.execute(statement(query)).rowcount))
    return counts


def _strike_texts(connection: psycopg.Connection, names: PersonalNames, progress: Progress) -> list[PlaceCounts]:
    columns = [(table, column) for table, columns in TEXTS.items() for column in columns]
    counts = []
    for done, (table, column) in enumerate(columns):
        progress("texts", done, len(columns))
        values, struck = strike_column(connection, table, column, names)
        left = strike_column(connection, table, column, names)[1] if struck else 0
        counts.append(PlaceCounts(f"{table}.{column}", values, struck, left))
    progress("texts", len(columns), len(columns))
    return counts
