"""The table of bets of a Supabase project, over its REST API.

Pages begin after the last row of the page before (keyset), so what others write meanwhile shifts nothing. A short page
is not the end, because servers cap pages; an empty one is, if an exact count agrees. Every stretch of 50 pages is
counted so. One that fell short is read again, and one that keeps falling short is an error.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from ingestion.errors import ConfigurationError, SourceDenied, Unreachable
from ingestion.progress import Progress
from ingestion.sources.digests import digests_of, digests_told, keys_of, stamps_of
from ingestion.sources.files.jsonl import page_of
from ingestion.sources.keyset import Key, Span, spans, spans_of
from ingestion.sources.page import Page
from ingestion.sources.rest import NO_COLUMN, NO_RIGHT, NO_VALUE, Refused, Rest, Rows, opened, rows_of
from ingestion.sources.retry import Passing
from ingestion.sources.settings import SupabaseProject
from ingestion.sources.table import Window
from quality.schema import COLUMNS, REQUIRED_COLUMNS

if TYPE_CHECKING:
    import httpx

PAGE_SIZE: Final = 1000  # what Supabase caps pages at unless told otherwise
# Counting costs the server as much as reading, so it is asked for once in so many pages. They are what is read again
# when the count does not agree.
PAGES_BETWEEN_COUNTS: Final = 50
READS: Final = 3
EXACT: Final = "exact"
# Of public.bets only: the function knows no other table (docs/supabase.sql).
_DIGESTS: Final = "pikkit_bet_digests"
_STAMPS: Final = ("updated_at", "created_at")


@dataclass(frozen=True)
class SupabaseTable:
    """A table that was found readable: which of our columns it has, and which others."""

    project: SupabaseProject
    columns: tuple[str, ...]
    unknown_columns: tuple[str, ...]
    patience: timedelta
    progress: Progress

    @property
    def name(self) -> str:
        """The stream that sync_state keeps its place under."""
        return self.project.stream

    @contextmanager
    def reading(self) -> Iterator[SupabaseReading]:
        """A client of its own, closed at the end."""
        reading = SupabaseReading(self)
        with opened(self.project, self.project.key, self.patience, reading.waits) as reading.rest:
            yield reading


def open_supabase(project: SupabaseProject, patience: timedelta, progress: Progress) -> SupabaseTable:
    """The project's table of bets. Raises SourceDenied if it cannot be read with this key, or is no table of bets."""
    if not project.key:
        raise ConfigurationError(
            f"There is no key to read {project.host} with",
            "Nothing was read",
            "Set SUPABASE_KEY in the environment or .env",
        )

    def waits(waiting: str) -> None:
        progress("read", 0, None, waiting=waiting)

    with opened(project, project.key, patience, waits) as rest:
        columns = _columns(rest)
    table = SupabaseTable(
        project,
        tuple(name for name in COLUMNS if name in columns),
        tuple(name for name in columns if name not in COLUMNS),
        patience,
        progress,
    )
    if missing := [name for name in REQUIRED_COLUMNS if name not in columns]:
        raise SourceDenied(
            f"{table.name} lacks the columns {', '.join(missing)}",
            "Nothing was read",
            "Give the table of bets in SUPABASE_TABLE, or a view of it with these columns",
        )
    return table


class SupabaseReading:
    """An open connection to the table (sources/table.py)."""

    rest: Rest

    def __init__(self, table: SupabaseTable) -> None:
        self._table = table
        self._size = PAGE_SIZE
        self._read = 0

    def waits(self, waiting: str) -> None:
        """Told of each wait before a request is sent again."""
        self._table.progress("read", self._read, None, waiting=waiting)

    @property
    def columns(self) -> frozenset[str]:
        """See Reading."""
        return frozenset(self._table.columns)

    @property
    def unknown_columns(self) -> tuple[str, ...]:
        """See Reading."""
        return self._table.unknown_columns

    def total(self) -> int | None:
        """See Reading."""
        return self.rest.count_in_time(self._all_counted)

    def count(self, window: Window) -> int:
        """The number of rows in the window."""
        return sum(self._count(span) for span in spans(window, self._table.columns))

    def pages(self, window: Window) -> Iterator[Page]:
        """The rows of the window, at most 1,000 a page."""
        return self._pages(self._bounded(spans(window, self._table.columns)))

    def pages_of(self, ids: Sequence[str]) -> Iterator[Page]:
        """The rows with these ids, as far as they exist."""
        try:
            yield from self._pages(spans_of(ids))
        except Refused as refusal:
            if refusal.code not in NO_VALUE:
                raise
            # One of them is no id of this table's type, so it is not there.
            half = len(ids) // 2
            if half:
                yield from self.pages_of(ids[:half])
                yield from self.pages_of(ids[half:])

    def digests(self) -> pl.DataFrame:
        """The digests of all rows, from the function in the database where there is one."""
        if (self._table.project.schema, self._table.project.table) == ("public", "bets"):
            # Without the function, or with one that is not of this version, the keys of all rows say the same.
            with suppress(Refused, KeyError, TypeError, ValueError):
                return self._own_digests()
        return digests_of(self._stamps(self._bounded(spans(Window(), self._table.columns))))

    def keys(self, day: date | None) -> pl.DataFrame:
        """The rows of one UTC day (null: those without a stamp)."""
        if day is None:
            *_, unstamped = spans(Window(), self._table.columns)
            return keys_of(self._stamps([unstamped]))
        midnight = datetime.combine(day, time(), UTC)
        if day == date.max:
            return keys_of(self._stamps(spans(Window(midnight), self._table.columns)[:-1]))
        window = Window(midnight, midnight + timedelta(days=1))
        return keys_of(self._stamps(spans(window, self._table.columns)))

    # ---- pages -----------------------------------------------------------------------------------------------------

    def _bounded(self, found: list[Span]) -> list[Span]:
        """The spans as far as they reach now; those without rows fall away."""
        bounds = [(span, self._newest(span)) for span in found]
        return [span.within(newest) for span, newest in bounds if newest is not None]

    def _newest(self, span: Span) -> Any:
        """The greatest first key of a span; null if it is empty, by a count too."""
        stamp = span.keys[0]
        for count in (None, EXACT):
            request = partial(self._newest_first, span, count)
            rows = self.rest.send(request, partial(_rows_beyond, None, Span((stamp,))))
            if rows.records:
                return rows.records[0][stamp]
        return None

    def _newest_first(self, span: Span, count: Any) -> Any:
        stamp = span.keys[0]
        return self._select(span, stamp, count=count).order(stamp, desc=True).limit(1)

    def _pages(self, found: Iterable[Span]) -> Iterator[Page]:
        unknown = self._table.unknown_columns
        for span in found:
            for rows in self._rows(span, self._table.columns):
                yield replace(page_of([text.encode() for text in rows.texts]), unknown_columns=unknown)
                unknown = ()

    def _stamps(self, found: list[Span]) -> pl.DataFrame:
        """The id and stamp of every row of these spans, each once."""
        columns = ("id", *(name for name in _STAMPS if name in self._table.columns))
        return stamps_of(rows.records for span in found for rows in self._rows(span, columns))

    def _rows(self, span: Span, columns: Sequence[str]) -> Iterator[Rows]:
        """The rows of a span, a stretch of pages after the other."""
        start: Key | None = None
        while True:
            start = yield from self._stretch(span.after(start), columns)
            if start is None:
                return

    def _stretch(self, span: Span, columns: Sequence[str]) -> Generator[Rows, None, Key | None]:
        """The first pages of a span, read until a count agrees; returns the last key, null when the span has no more.

        Rows that came or went between count and read explain a difference. So after a second read the smaller one of
        the counts before and after it decides, and rows that stay put are in both.
        """
        counts: list[int] = []
        came = 0
        for _ in range(READS):
            came, end, at_end = yield from self._read_stretch(span, columns)
            counts.append(self._count(span.up_to(None if at_end else end)))
            if came >= min(counts[-2:]):
                return None if at_end else end
        raise Unreachable(
            f"{self._table.name} has {counts[-1]:,} rows where {came:,} came, and it was read {READS} times",
            "What was not committed is undone",
            "Look at what stands between us and the database, and whether an id is there twice; then run it again",
            service=self._table.project.host,
        )

    def _read_stretch(self, span: Span, columns: Sequence[str]) -> Generator[Rows, None, tuple[int, Key | None, bool]]:
        """How many rows came, the key of the last of them, and whether the span seems to end there."""
        came, end = 0, None
        for _ in range(PAGES_BETWEEN_COUNTS):
            rows = self._page(span, end, columns)
            if not rows.records:
                return came, end, True
            yield rows
            came, end = came + len(rows.records), span.key(rows.records[-1])
            self._read += len(rows.records)
        return came, end, False

    # ---- requests --------------------------------------------------------------------------------------------------

    def _page(self, span: Span, after: Key | None, columns: Sequence[str]) -> Rows:
        """The rows behind a key, as many as the server gives at once."""

        def request() -> Any:
            return self._select(span.after(after), *columns, order=span.keys).limit(self._size)

        return self.rest.send(request, partial(_rows_beyond, after, span), self._halve)

    def _halve(self) -> None:
        """The server's time for a statement is up before it has made a page: ask for smaller ones from now on."""
        self._size = max(self._size // 2, 1)

    def _count(self, span: Span) -> int:
        return self.rest.count(lambda: self._select(span, "id", count=EXACT).limit(1))

    def _all_counted(self) -> Any:
        return self._select(Span(("id",)), "id", count=EXACT).limit(1)

    def _select(self, span: Span, *columns: str, count: Any = None, order: Sequence[str] = ()) -> Any:
        return _select(self.rest, *columns, count=count, filters=span.filters, order=order)

    def _own_digests(self) -> pl.DataFrame:
        """What the database computed, a page of days at a time: answers of functions are capped, too."""
        days: list[dict[str, Any]] = []
        in_order = Span(("day",))
        while True:
            after = in_order.key(days[-1]) if days else None
            rows = self.rest.send(partial(_days, self.rest, after), partial(_rows_beyond, after, in_order))
            days += rows.records
            if len(rows.records) == rows.total:
                return digests_told(days)


def _rows_beyond(after: Key | None, span: Span, answer: httpx.Response) -> Rows:
    """The rows of a page that began after this key. A cache that takes all pages for one must not keep us reading."""
    rows = rows_of(answer)
    try:
        if rows.records and span.key(rows.records[-1]) == after:
            raise Passing("the page before once more")
    except KeyError:
        raise Passing("rows without the columns that were asked for") from None
    return rows


def _select(rest: Rest, *columns: str, count: Any = None, filters: str = "", order: Sequence[str] = ()) -> Any:
    request = rest.client.table(rest.project.table).select(*columns, count=count)
    if filters:
        request = request.or_(filters)
    for name in order:
        request = request.order(name)
    return request


def _days(rest: Rest, after: Key | None) -> Any:
    count: Any = EXACT
    request = rest.client.rpc(_DIGESTS, {}, count=count, get=True).order("day", nullsfirst=True)
    if after is None:
        return request
    (day,) = after
    return request.not_.is_("day", "null") if day is None else request.gt("day", day)


def _columns(rest: Rest) -> list[str]:
    """The columns of the table, as far as the key may read them: by a row of it, or by asking where it has none."""
    try:
        rows = rest.rows(lambda: _select(rest, "*").limit(1))
    except Refused as refusal:
        # It may be allowed some of the columns only.
        if refusal.code != NO_RIGHT or not _has(rest, "id"):
            raise
        return _readable(rest)
    return list(rows.records[0]) if rows.records else _readable(rest)


def _readable(rest: Rest) -> list[str]:
    return list(COLUMNS) if _has(rest, *COLUMNS) else [name for name in COLUMNS if _has(rest, name)]


def _has(rest: Rest, *columns: str) -> bool:
    try:
        rest.rows(lambda: _select(rest, *columns).limit(1))
    except Refused as refusal:
        if refusal.code in (NO_COLUMN, NO_RIGHT):
            return False
        raise
    return True
