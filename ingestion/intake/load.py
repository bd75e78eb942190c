"""Rows of a source into the store: raw, and beside it processed or quarantine. Part of the caller's transaction.

Nothing is lost: every row the source sent is in raw, and either typed in processed or in quarantine with its reasons
(R9). Reading the same rows again changes nothing.

A file says what was: it may hold many versions of a bet, and one older than what is known never counts. A table says
what is: whatever it shows of a bet is true now, also when it showed the same before. Where several of its rows have
one id, the one with the newest stamp is that bet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, runtime_checkable
from uuid import UUID

import polars as pl
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from feature_repo.postgres.copy import copy_in
from ingestion.database.access import statement
from ingestion.intake.tombstones import write_tombstones
from ingestion.progress import Progress, silent
from ingestion.runs.record import Counts
from ingestion.sources.digests import row_digest
from ingestion.sources.page import Page
from ingestion.sources.table import SourceTable, StampWindow, TableReader
from quality.schema import ACCEPTED_SCHEMA, ValidationResult, validate

CONFLICT: Final = "updated_at: copies that differ under one updated_at"
WHOLE_TABLE: Final = StampWindow()
_DIGEST_BYTES: Final = 16
# So many of the ids that came more than once are asked for again, to see whether they repeat in the table.
_IDS_LOOKED_AT: Final = 1000


class RowSource(Protocol):
    """Where bets come from."""

    @property
    def name(self) -> str:
        """The stream that sync_state keeps its place under."""

    @property
    def is_table(self) -> bool:
        """Whether its rows say what is now, not what was."""

    @property
    def is_partial(self) -> bool:
        """Whether it covers a part only of what changed, so that the next sync must not go on from its end."""

    @property
    def row_count(self) -> int | None:
        """How many rows there are, where the source can say it beforehand."""

    def pages(self) -> Iterator[Page]:
        """The rows, a page at a time."""


@runtime_checkable
class RowsOfTable(RowSource, Protocol):
    """Rows of a table that can be asked for more than it was to show."""

    @property
    def is_everything(self) -> bool:
        """Whether these are all rows of the table."""

    @property
    def shows_all_rows_of_ids(self) -> bool:
        """Whether of each id that it shows it shows every row."""

    def repeated_among(self, ids: Sequence[str]) -> set[str]:
        """Those of these ids that more than one row of the table has."""


@dataclass(frozen=True)
class SyncRequest:
    """What to read of a table: what changed since the cursor, less the overlap; with `is_full` everything.

    One that names a sport or a time is partial: it leaves the cursor where it is. A file is always read whole.
    `first_known_by` is `take_in`'s. `without` are columns that the source may have lost, `late` lets a first load be
    older than all that was published, `believes_deletes` lets a table show fewer rows than it did (streams.py).
    """

    first_known_by: str = "updated_at"
    overlap: timedelta = timedelta(minutes=10)
    is_full: bool = False
    sport: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    without: frozenset[str] = frozenset()
    late: bool = False
    believes_deletes: bool = False

    @property
    def is_partial(self) -> bool:
        """See Source."""
        return any(part is not None for part in (self.sport, self.since, self.until))


@dataclass(frozen=True)
class TableRows:
    """The rows of a table that a request asks for, as a source."""

    name: str
    reading: TableReader
    window: StampWindow
    # null where the server had no time to count all of them
    row_count: int | None
    is_partial: bool = False
    is_table: bool = True

    def pages(self) -> Iterator[Page]:
        """See Source."""
        return self.reading.pages(self.window)

    @property
    def columns(self) -> Sequence[str]:
        """See Reading."""
        return self.reading.columns

    @property
    def unknown_columns(self) -> tuple[str, ...]:
        """See Reading."""
        return self.reading.unknown_columns

    @property
    def is_everything(self) -> bool:
        """See RowsOfTable."""
        return self.window == WHOLE_TABLE

    @property
    def shows_all_rows_of_ids(self) -> bool:
        """See RowsOfTable."""
        return self.is_everything

    def repeated_among(self, ids: Sequence[str]) -> set[str]:
        """See RowsOfTable."""
        return self.reading.repeated_among(ids)

    def total(self) -> int | None:
        """How many rows the table shows in all; null where the server has no time to count them."""
        return self.row_count if self.is_everything else self.reading.total()

    def recount(self) -> int | None:
        """How many rows there are now: some may have gone while they were read."""
        return _counted(self.reading, self.window)


@contextmanager
def requested_rows(connection: psycopg.Connection, table: SourceTable, request: SyncRequest) -> Iterator[TableRows]:
    """The rows of the table that the request asks for, given where the store's cursor stands."""
    window = StampWindow(request.since, request.until, request.sport)
    if not request.is_partial and not request.is_full:
        window = StampWindow(since=_read_from(connection, table.name, request.overlap))
    with table.reading() as reading:
        yield TableRows(table.name, reading, window, _counted(reading, window), request.is_partial)


def _counted(reading: TableReader, window: StampWindow) -> int | None:
    return reading.total() if window == WHOLE_TABLE else reading.count(window)


def _read_from(connection: psycopg.Connection, stream: str, overlap: timedelta) -> datetime | None:
    row = connection.execute(statement("read_from"), {"stream": stream, "overlap": overlap}).fetchone()
    return row[0] if row else None


def take_in(
    connection: psycopg.Connection,
    source: RowSource,
    *,
    run_id: UUID,
    now: datetime,
    first_known_by: str = "updated_at",
    known_from: datetime | None = None,
    is_read_anew: bool = False,
    progress: Progress = silent,
) -> Counts:
    """Bring every row of the source into the store and return what became of them.

    `first_known_by` is the column that says when a row became known while the log is empty (setting KNOWN_AT_COLUMN).
    No version is known before `known_from`: rows that the store itself kept back count from when they were let in.
    `is_read_anew` says that a file is read by another format than the last time.
    The counts: source_rows (as the source says, null where it cannot), rows_read, copies (exact, inside this batch),
    seen_before, returned (a table shows again what it showed once), accepted, of these late (their updated_at lies
    before what was answered already: known from now on) and superseded (a newer version was there), quarantined,
    reasons (how many rows each reason refused), deleted (accepted versions that say so), broken_deletes (bets whose
    row in a table says so and is refused for something else: deleted from now on), naive_timestamps, empty_texts,
    null_words, columns (known ones that the rows have), unknown_columns, future (new versions past the clock, which the
    cursor waits for), newest_stamp, newest_accepted, known_until, log_watermark (up to where answers were given before
    this run: its log's newest version, or the last refresh), first_load (the store was empty), first_sync (nothing was
    read of the whole stream before), is_new_source (so, and the store holds none of these bets), largest_instant (how
    many accepted versions become known at one instant by their source), settlements_differ (by settled_at fewer would),
    repeated_ids (how many ids more than one row of the table is known to have), is_table, is_partial.
    """
    connection.execute(statement("incoming_table"))
    counts = _stage(connection, source, now, progress)
    progress("store", 0, None)
    if not source.is_table:
        connection.execute(statement("refuse_conflicts"), {"reason": CONFLICT})
        connection.execute(statement("unseen_of_a_file"), {"source": source.name, "is_read_anew": is_read_anew})
    repeated_ids = _repeated_ids(connection, source)
    if source.is_table:
        _look_at_shown(connection, source, ids_repeat=repeated_ids > 0)
        connection.execute(statement("unseen_of_a_table"))
    connection.execute(
        statement("new_versions_table"),
        {"now": now, "first_known_by": first_known_by, "known_from": known_from, "is_table": source.is_table},
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        stored = (
            cursor.execute(
                statement("intake_counts"), {"now": now, "stream": source.name, "first_known_by": first_known_by}
            ).fetchone()
            or {}
        )
        reasons = cursor.execute(statement("refusal_counts")).fetchall()
    batch = {"run_id": run_id, "source": source.name, "received_at": now}
    if source.is_table:
        connection.execute(statement("record_shown"), {"source": source.name})
    else:
        connection.execute(statement("keep_shown"), {"source": source.name, "is_retry": known_from is not None})
    connection.execute(statement("store_raw"), batch)
    connection.execute(statement("store_quarantine"), batch)
    connection.execute(statement("retire_current"))
    connection.execute(statement("store_processed"), {"run_id": run_id})
    connection.execute(statement("settle_quarantine"), {"is_table": source.is_table, "conflict": CONFLICT, "now": now})
    # A table says what is, so its delete holds though its row is broken. A row of a file waits in quarantine.
    broken_deletes = [bet for (bet,) in connection.execute(statement("broken_deletes"))] if source.is_table else []
    if broken_deletes:
        write_tombstones(connection, broken_deletes, source.name, run_id=run_id, now=now, is_gone=False)
    known_until: datetime | None = stored.pop("known_until")
    newest_stamp: datetime | None = stored.pop("newest_stamp")
    compared = {name: stored.pop(name) for name in ("newest_accepted", "log_watermark")}
    connection.execute(
        statement("upsert_sync_state"),
        {
            "stream": source.name,
            "moves_cursor": source.is_table and not source.is_partial,
            "is_partial": source.is_partial,
            "source_watermark": known_until,
            "versions": stored["accepted"] + stored["quarantined"],
            "repeated_ids": repeated_ids,
            "now": now,
        },
    )
    connection.execute(statement("drop_intake"))
    return {
        **stored,
        "broken_deletes": len(broken_deletes),
        "source_rows": source.row_count,
        "reasons": {row["reason"]: row["rows"] for row in reasons},
        **counts,
        "repeated_ids": repeated_ids,
        "is_table": source.is_table,
        "is_partial": source.is_partial,
        "newest_stamp": f"{newest_stamp:%Y-%m-%dT%H:%M:%SZ}" if newest_stamp else None,
        "known_until": known_until.isoformat() if known_until else None,
        **{name: instant.isoformat() if instant else None for name, instant in compared.items()},
    }


def _repeated_ids(connection: psycopg.Connection, source: RowSource) -> int:
    """How many ids repeat in the table: those that this batch shows, or what is known when it shows a part of them.

    A row that moved while a sync read comes twice as well. So ids that came twice are looked at in the table once more;
    of very many only the first, and if any of those repeats, all do.
    """
    if not isinstance(source, RowsOfTable):
        return 0
    known = connection.execute(statement("known_repeats"), {"stream": source.name}).fetchone()
    came_twice = [identifier for (identifier,) in connection.execute(statement("repeated_ids"))]
    repeated = len(source.repeated_among(came_twice[:_IDS_LOOKED_AT])) if came_twice else 0
    if repeated and len(came_twice) > _IDS_LOOKED_AT:
        repeated = len(came_twice)
    return repeated if source.is_everything or known is None else max(repeated, *known)


def _look_at_shown(connection: psycopg.Connection, source: RowSource, *, ids_repeat: bool) -> None:
    """Put the rows that count into pg_temp.shown, beside what is known of their bets."""
    query = sql.SQL(statement("shown_table")).format(
        digest=row_digest(sql.SQL("incoming.payload")),
        newest_digest=row_digest(sql.SQL("newest.payload::text")),
    )
    params = {
        "ids_repeat": ids_repeat,
        "shows_all_rows_of_ids": isinstance(source, RowsOfTable) and source.shows_all_rows_of_ids,
        "is_partial": source.is_partial,
    }
    connection.execute(query, params)


def _stage(connection: psycopg.Connection, source: RowSource, now: datetime, progress: Progress) -> Counts:
    """Validate page by page into pg_temp.incoming, so that memory follows the page and not the source."""
    arrived, naive, empty, null_words = 0, 0, 0, 0
    columns, unknown = set[str](), set[str]()
    for page in source.pages():
        result = validate(page.rows, now)
        copy_in(connection, "incoming", _accepted(page, result, arrived))
        copy_in(connection, "incoming", _refused(page, result, arrived))
        arrived += page.payload.len()
        naive += result.naive_timestamps
        empty += result.empty_texts
        null_words += result.null_words
        columns |= page.columns
        unknown.update(map(_printable, page.unknown_columns))
        progress("read", arrived, source.row_count)
    return {
        "naive_timestamps": naive,
        "empty_texts": empty,
        "null_words": null_words,
        "columns": sorted(columns),
        "unknown_columns": sorted(unknown),
    }


def _accepted(page: Page, result: ValidationResult, offset: int) -> pl.DataFrame:
    rows = result.accepted
    return rows.select(
        arrival=pl.col("row").cast(pl.Int64) + offset,
        content_hash=content_hashes(rows),
        payload=page.payload.gather(rows["row"]),
        **{name: pl.col(name) for name in ACCEPTED_SCHEMA},
    )


def _refused(page: Page, result: ValidationResult, offset: int) -> pl.DataFrame:
    rows = result.rejected
    payload = page.payload.gather(rows["row"])
    problem = page.problems.gather(rows["row"])
    return rows.select(
        arrival=pl.col("row").cast(pl.Int64) + offset,
        content_hash=_digests(payload),
        payload=payload,
        id="id",
        updated_at="updated_at",
        is_deleted="is_deleted",
        # What could not even be read has its own reasons, not one for each column that is null because of it.
        reasons=pl.when(problem.is_null()).then("reasons").otherwise(problem.str.split("; ")),
    )


def _printable(name: str) -> str:
    """The name of a column that no bet has, as a record in Postgres can hold it: NUL and half characters as escapes."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def content_hashes(accepted: pl.DataFrame) -> pl.Series:
    """A digest of each row's typed values, the same for the same bet from any source and in any spelling.

    That of a row that is not deleted says nothing of deletes, as all did before they were read.
    """
    columns = [_canonical(pl.col(name), dtype) for name, dtype in ACCEPTED_SCHEMA.items() if name != "is_deleted"]
    suffix = pl.when("is_deleted").then(pl.lit(" deleted")).otherwise(pl.lit(""))
    return _digests(accepted.select(row=pl.struct(columns).struct.json_encode() + suffix)["row"])


def _canonical(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        return column.dt.timestamp("us")
    if dtype.is_float():  # -0.0 is 0.0, though JSON spells it otherwise
        return pl.when(column == 0).then(0.0).otherwise(column).name.keep()
    return column


def _digests(texts: pl.Series) -> pl.Series:
    digests = [hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest() for text in texts]
    return pl.Series("content_hash", digests, pl.Binary)
