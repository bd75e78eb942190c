"""What a sync asks of a table, and the rows of the table that this means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import psycopg

from ingestion.database.access import statement
from ingestion.forgetting.user_column import DEFAULT_USER_COLUMN
from ingestion.sources.page import Page
from ingestion.sources.table import SourceTable, StampWindow, TableReader

WHOLE_TABLE: Final = StampWindow()


@dataclass(frozen=True)
class SyncRequest:
    """What to read of a table: what changed since the cursor, less the overlap, unless it says otherwise.

    One that names a sport or a time is partial: it leaves the cursor where it is. A file is always read whole.
    """

    #: The column that says when a row became known while the log is empty (`load_rows`).
    first_known_by: str = "updated_at"
    #: How far before the cursor the reading starts.
    overlap: timedelta = timedelta(minutes=10)
    #: Whether every row is read.
    is_full: bool = False
    #: The only sport that is read; null: all.
    sport: str | None = None
    #: Rows from this stamp on; null: from the cursor, or from the first one where another part is named.
    since: datetime | None = None
    #: Rows before this stamp; null: up to the newest.
    until: datetime | None = None
    #: The column that says whose a bet is, where the source has it (forgetting/user_column.py).
    user_column: str = DEFAULT_USER_COLUMN
    #: Columns of a bet that the source may have lost.
    without: frozenset[str] = frozenset()
    #: Whether a first load may be older than all that was published.
    late: bool = False
    #: Whether the table may show far fewer rows than it did (streams.py).
    believes_deletes: bool = False

    @property
    def is_partial(self) -> bool:
        """Whether a part only of what changed is read."""
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
        """See RowSource."""
        return self.reading.pages(self.window)

    @property
    def columns(self) -> Sequence[str]:
        """See TableReader."""
        return self.reading.columns

    @property
    def unknown_columns(self) -> tuple[str, ...]:
        """See TableReader."""
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
