"""What polling cannot see (R9): bets that vanished from the table, and rows that a sync missed.

Both sides are compared by a digest per day, so that nothing moves but digests while nothing differs. Of a day that
differs the keys are fetched, and of those only the rows in doubt. What the table no longer has becomes a tombstone,
known from now on; what was missed becomes a version. A row that was rewritten under its old `updated_at` has the same
key: only a full sync finds it. A bet that only files brought may be of another table: it is left alone unless one says
otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

import polars as pl
import psycopg
from psycopg import sql

from feature_repo.copying import copy_out
from feature_repo.names import WHITESPACE
from ingestion.database import statement
from ingestion.errors import DeletesRefused
from ingestion.progress import Progress, silent
from ingestion.runs import Counts
from ingestion.sources.page import Page
from ingestion.sources.table import DIGESTS_SCHEMA, KEYS_SCHEMA, Reading
from ingestion.sync import take_in

# A key that sees fewer rows, or another table, looks like deletes. Up to this share of the bets, and this number in a
# small store, are believed unasked, but never more than half of them.
BELIEVED_SHARE: Final = 0.01
BELIEVED_NUMBER: Final = 100


@dataclass(frozen=True)
class Doubtful:
    """The rows with these ids, as a source: those that the table still has come through, and are remembered."""

    name: str
    reading: Reading
    ids: list[str]
    found: set[str] = field(default_factory=set)
    is_table: bool = True
    is_partial: bool = True

    @property
    def row_count(self) -> int | None:
        """See sync.Source. Those that vanished do not come."""
        return None

    def pages(self) -> Iterator[Page]:
        """See sync.Source."""
        for page in self.reading.pages_of(self.ids):
            self.found.update(_spelled(page.rows["id"]).drop_nulls())
            yield page


def reconcile(
    connection: psycopg.Connection,
    name: str,
    reading: Reading,
    *,
    run_id: UUID,
    clock: Callable[[], datetime],
    most_deletes: int | None = None,
    include_files: bool = False,
    progress: Progress = silent,
) -> Counts:
    """Compare the table with raw, after a sync of it, and bring in what differs. Part of the caller's transaction.

    Raises DeletesRefused when more than `most_deletes` bets vanished; null: what is believed unasked. Bets that no
    table ever sent are deleted with `include_files` only. The counts: days (compared), differing (of these), missed
    (versions that a sync had not brought), quarantined (rows of the same kind that were refused) and reasons, deleted,
    only_in_files (bets that are not in the table, and were left).
    """
    theirs = reading.digests()
    ours = our_digests(connection)
    days = differing_days(ours, theirs)
    missed, vanished = list[str](), dict[str, str]()
    for done, day in enumerate(days):
        progress("compare", done, len(days))
        absent, gone = _compared(connection, reading, day)
        missed += absent
        vanished |= gone
    progress("compare", len(days), len(days))
    connection.execute("drop table pg_temp.newest_versions")
    # By the spelling of the table too, which may have white space around its ids.
    rows = Doubtful(name, reading, sorted({*missed, *vanished, *vanished.values()}))
    # What was written while both sides were compared lies past the clock of the beginning.
    now = clock()
    brought: Counts = {"accepted": 0, "quarantined": 0, "reasons": {}}
    if rows.ids:
        brought = take_in(connection, rows, run_id=run_id, now=now, progress=progress)
    deleted = sorted(set(vanished) - rows.found)
    left = [] if include_files else _of_no_table(connection, deleted)
    deleted = [bet for bet in deleted if bet not in set(left)]
    _check(deleted, int(ours["rows"].sum()), most_deletes)
    if deleted:
        _bury(connection, deleted, name, run_id, now)
    return {
        "days": pl.concat([ours["day"], theirs["day"]]).n_unique(),
        "differing": len(days),
        "missed": brought["accepted"],
        "quarantined": brought["quarantined"],
        "reasons": brought["reasons"],
        "deleted": len(deleted),
        "only_in_files": len(left),
    }


def our_digests(connection: psycopg.Connection) -> pl.DataFrame:
    """The digests of what the store holds, with DIGESTS_SCHEMA. Leaves pg_temp.newest_versions for what comes next."""
    connection.execute(statement("newest_versions_table"))
    query = sql.SQL(statement("day_digests")).format(keyed=sql.Identifier("pg_temp", "newest_versions"))
    return copy_out(connection, query, None, DIGESTS_SCHEMA)


def differing_days(ours: pl.DataFrame, theirs: pl.DataFrame) -> list[date | None]:
    """The days whose digests differ, in order; null stands for the rows without a stamp.

    A day that no calendar of ours has (the year 12026) is left out: its rows are refused, and stand here without it.
    """
    both = ours.join(theirs, on="day", how="full", coalesce=True, nulls_equal=True, suffix="_theirs")
    same = (pl.col("rows") == pl.col("rows_theirs")) & (pl.col("digest") == pl.col("digest_theirs"))
    known = pl.col("day").is_between(date.min, date.max) | pl.col("day").is_null()
    return both.filter(~same.fill_null(False), known)["day"].sort(nulls_last=True).to_list()


def _compared(connection: psycopg.Connection, reading: Reading, day: date | None) -> tuple[list[str], dict[str, str]]:
    """Of one day: ids whose row there is not our newest; and those of ours that are not there, as they were sent."""
    ours = copy_out(
        connection,
        statement("our_keys"),
        {"days": [day] if day else [], "undated": day is None},
        {**KEYS_SCHEMA, "sent_as": pl.String()},
    )
    theirs = reading.keys(day)
    absent = theirs.join(ours, on=["id", "stamp"], how="anti", nulls_equal=True)["id"]
    gone = ours.filter(~pl.col("id").is_in(_spelled(theirs["id"]).implode()))
    return absent.drop_nulls().to_list(), dict(gone.select("id", pl.coalesce("sent_as", "id")).iter_rows())


def _spelled(ids: pl.Series) -> pl.Series:
    """Ids as validation spells them, and so the store."""
    return ids.cast(pl.String).str.strip_chars(WHITESPACE)


def _of_no_table(connection: psycopg.Connection, ids: list[str]) -> list[str]:
    return [bet for (bet,) in connection.execute(statement("bets_of_no_table"), {"ids": ids})] if ids else []


def _check(deleted: list[str], bets: int, most_deletes: int | None) -> None:
    most = max(BELIEVED_NUMBER, int(bets * BELIEVED_SHARE)) if most_deletes is None else most_deletes
    if len(deleted) > most or (most_deletes is None and len(deleted) > bets / 2):
        raise DeletesRefused(
            f"{len(deleted):,} of {bets:,} bets are no longer in the table, for example {', '.join(deleted[:3])}; "
            f"up to {min(most, bets // 2):,} are believed",
            "Nothing was changed",
            "Look whether the key sees every row (row level security) and whether this is the right table. If they "
            f"were deleted: pikkit reconcile --most-deletes {len(deleted)}",
            vanished=len(deleted),
        )


def _bury(connection: psycopg.Connection, ids: list[str], source: str, run_id: UUID, now: datetime) -> None:
    connection.execute(statement("tombstones_table"), {"ids": ids, "now": now})
    connection.execute(statement("record_tombstones"), {"run_id": run_id, "source": source, "now": now})
    connection.execute(statement("store_tombstones"), {"run_id": run_id})
    connection.execute("drop table pg_temp.tombstones")
