"""The table of bets of a Supabase project, over its REST API.

Pages begin after the last row of the page before (keyset), so what others write meanwhile shifts nothing. A short page
is not the end, because servers cap pages; an empty one is, if an exact count agrees. Every chunk of 50 pages is
counted so. One that fell short is read again, and one that keeps falling short is an error.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from feature_repo.errors import ConfigurationError, SourceDenied, Unreachable
from ingestion.progress import Progress
from ingestion.sources.digests import day_of, digests_of, keys_of_pages, typed_digests
from ingestion.sources.json_rows import page_of
from ingestion.sources.page import Page
from ingestion.sources.retry import TransientFailure
from ingestion.sources.settings import SupabaseProject
from ingestion.sources.supabase.keyset import KeyValues, Span, spans, spans_of
from ingestion.sources.supabase.rest import (
    NO_COLUMN,
    NO_RIGHT,
    NO_VALUE,
    ProjectDenied,
    Rest,
    Rows,
    opened,
    rows_of_answer,
)
from ingestion.sources.table import KEYS_SCHEMA, StampWindow
from quality.schema import BET_COLUMNS, REQUIRED_COLUMNS

if TYPE_CHECKING:
    import httpx

REST_PAGE_ROWS: Final = 1000  # what Supabase caps pages at unless told otherwise
# Counting costs the server as much as reading, so it is asked for once in so many pages. They are what is read again
# when the count does not agree.
PAGES_BETWEEN_COUNTS: Final = 50
READS: Final = 3
EXACT: Final = "exact"
# Of public.bets only: the function knows no other table (docs/supabase.sql).
_DIGESTS: Final = "pikkit_bet_digests"
_FACTS: Final = "pikkit_bet_facts"
# How many days are asked for, when the digests of all days take the database longer than it may; then ever fewer.
_DAYS_AT_ONCE: Final = 366


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
        tuple(name for name in BET_COLUMNS if name in columns),
        tuple(name for name in columns if name not in BET_COLUMNS),
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


@dataclass(frozen=True)
class TableFacts:
    """What the database says of the table: whether an index lets no id repeat, and something runs before updates."""

    has_unique_id: bool
    has_update_trigger: bool


class SupabaseReading:
    """An open connection to the table (sources/table.py)."""

    rest: Rest

    def __init__(self, table: SupabaseTable) -> None:
        self._table = table
        self._size = REST_PAGE_ROWS
        self._days: int | None = None  # how many the database digests at once; null: all of them
        self._read = 0
        self._takes_whole_keys = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The known columns that the table has."""
        return self._table.columns

    def waits(self, waiting: str) -> None:
        """Told of each wait before a request is sent again."""
        self._table.progress("read", self._read, None, waiting=waiting)

    @property
    def unknown_columns(self) -> tuple[str, ...]:
        """See TableReader."""
        return self._table.unknown_columns

    def total(self) -> int | None:
        """See TableReader."""
        return self.rest.count_in_time(self._all_counted)

    def count(self, window: StampWindow) -> int:
        """The number of rows in the window."""
        return sum(self._count(span) for span in spans(window, self._table.columns))

    def pages(self, window: StampWindow) -> Iterator[Page]:
        """The rows of the window, at most 1,000 a page."""
        return self._pages(self._bounded(spans(window, self._table.columns)))

    def pages_of(self, ids: Sequence[str]) -> Iterator[Page]:
        """The rows with these ids, as far as they exist."""
        try:
            yield from self._pages(spans_of(ids))
        except ProjectDenied as refusal:
            if refusal.code not in NO_VALUE:
                raise
            # One of them is no id of this table's type, so it is not there.
            half = len(ids) // 2
            if half:
                yield from self.pages_of(ids[:half])
                yield from self.pages_of(ids[half:])

    def repeated_among(self, ids: Sequence[str]) -> set[str]:
        """Those of these ids that more than one row has: an answer shows one instant."""
        return {
            identifier
            for page in self.pages_of(ids)
            for identifier in page.rows.filter(pl.col("id").is_duplicated())["id"].drop_nulls().cast(pl.String)
        }

    def digests(self) -> pl.DataFrame:
        """The digests of all rows, from the function in the database where there is one."""
        if self._may_have_functions:
            # Without the function, or with one that is not of this version, the rows themselves say the same.
            with suppress(ProjectDenied, KeyError, TypeError, ValueError):
                return self._own_digests()
        return digests_of(self._keys(self._bounded(spans(StampWindow(), self._table.columns))))

    def facts(self) -> TableFacts | None:
        """What the database knows of the table, from a function there; null where there is none, or no such answer."""
        if not self._may_have_functions:
            return None
        with suppress(ProjectDenied, KeyError, IndexError):
            count: Any = EXACT
            (row,) = self.rest.rows(lambda: self.rest.client.rpc(_FACTS, {}, count=count, get=True)).records
            return TableFacts(row["has_unique_id"] is True, row["has_update_trigger"] is True)
        return None

    def count_repeated_at_ends(self) -> tuple[int, int]:
        """Of a page of rows at either end of the table, in order of id: how many ids there are, and how many repeat."""
        ids, repeated = set[str](), set[str]()
        for desc in (False, True):
            rows = self.rest.rows(partial(self._ids_in_order, desc))
            times = Counter(json.dumps(record["id"]) for record in rows.records)
            ids |= times.keys()
            repeated |= {identifier for identifier, rows_of_id in times.items() if rows_of_id > 1}
            if len(rows.records) == rows.total:
                break
        return len(ids), len(repeated)

    def _ids_in_order(self, desc: bool) -> Any:
        count: Any = EXACT
        return _select(self.rest, "id", count=count).order("id", desc=desc).limit(REST_PAGE_ROWS)

    @property
    def _may_have_functions(self) -> bool:
        return (self._table.project.schema, self._table.project.table) == ("public", "bets")

    def keys(self, day: date | None) -> pl.DataFrame:
        """The rows of one UTC day (null: those without a stamp)."""
        return self._keys(self._spans_of(day)).cast(KEYS_SCHEMA)

    def _spans_of(self, day: date | None) -> list[Span]:
        if day is None:
            *_, unstamped = spans(StampWindow(), self._table.columns)
            return [unstamped]
        midnight = datetime.combine(day, time(), UTC)
        if day == date.max:
            return spans(StampWindow(midnight), self._table.columns)[:-1]
        return spans(StampWindow(midnight, midnight + timedelta(days=1)), self._table.columns)

    # ---- pages -----------------------------------------------------------------------------------------------------

    def _bounded(self, spans_to_read: list[Span]) -> list[Span]:
        """The spans up to their newest rows; those without rows fall away."""
        bounds = [(span, self._newest(span)) for span in spans_to_read]
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

    def _pages(self, spans_to_read: Iterable[Span]) -> Iterator[Page]:
        unknown = self._table.unknown_columns
        for span in spans_to_read:
            for rows in self._rows(span, self._table.columns):
                yield replace(page_of([text.encode() for text in rows.texts]), unknown_columns=unknown)
                unknown = ()

    def _keys(self, spans_to_read: list[Span]) -> pl.DataFrame:
        """The keys of the rows of these spans, with stamps in microseconds."""
        return keys_of_pages(rows for span in spans_to_read for rows in self._rows(span, self._table.columns))

    def _rows(self, span: Span, columns: Sequence[str]) -> Iterator[Rows]:
        """The rows of a span, a chunk of pages after the other."""
        start: KeyValues | None = None
        while True:
            start = yield from self._chunk(span.after(start), columns)
            if start is None:
                return

    def _chunk(self, span: Span, columns: Sequence[str]) -> Generator[Rows, None, KeyValues | None]:
        """The first pages of a span, read until a count agrees; returns the last key, null when the span has no more.

        Rows that came or went between count and read explain a difference. So after a second read the smaller one of
        the counts before and after it decides, and rows that stay put are in both.
        """
        counts: list[int] = []
        came = 0
        for _ in range(READS):
            came, end, at_end = yield from self._read_chunk(span, columns)
            counts.append(self._count(span.up_to(None if at_end else end)))
            if came >= min(counts[-2:]):
                return None if at_end else end
            # A page may have ended between two rows of one key, and the next one begins behind both.
            self._takes_whole_keys = True
        raise Unreachable(
            f"{self._table.name} has {counts[-1]:,} rows where {came:,} came, and it was read {READS} times",
            "What was not committed is undone",
            "Look at what stands between us and the database, and whether more rows than fit a page have one id; "
            "then run it again",
            service=self._table.project.host,
        )

    def _read_chunk(
        self, span: Span, columns: Sequence[str]
    ) -> Generator[Rows, None, tuple[int, KeyValues | None, bool]]:
        """How many rows came, the key of the last of them, and whether the span seems to end there."""
        came, end = 0, None
        for _ in range(PAGES_BETWEEN_COUNTS):
            rows = self._page(span, end, columns)
            if not rows.records:
                return came, end, True
            if self._takes_whole_keys:
                rows = _whole_keys(span, rows)
            yield rows
            came, end = came + len(rows.records), span.key(rows.records[-1])
            self._read += len(rows.records)
        return came, end, False

    # ---- requests --------------------------------------------------------------------------------------------------

    def _page(self, span: Span, after: KeyValues | None, columns: Sequence[str]) -> Rows:
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
        """What the database computed: all days at once, or a range after the other where that takes it too long.

        Answers of functions are capped, too. What follows the last day of one is asked for by the next.
        """
        oldest, newest = self._day_of("updated_at", desc=False), self._day_of("updated_at", desc=True)
        days: list[dict[str, Any]] = []
        after: KeyValues | None = None
        until: date | None = None

        def start() -> date:
            return oldest if after is None else max(oldest, day_of(after[0]))

        def request() -> Any:
            # Built for each attempt, since fewer days may be asked for after one that took too long.
            nonlocal until
            is_last = self._days is None or (newest - start()).days < self._days
            until = None if is_last else start() + timedelta(days=self._days or 0)
            return _days(self.rest, self.columns, after, until)

        def fewer() -> None:
            days_asked = self._days or (newest - start()).days + 1
            self._days = max(min(days_asked, 2 * _DAYS_AT_ONCE) // 2, 1)

        while True:
            rows = self.rest.send(request, partial(_rows_beyond, after, Span(("day",))), fewer)
            days += rows.records
            if self._days and not rows.records:
                self._days *= 2  # a row of long ago, or of times to come, leaves centuries without any
            if len(rows.records) != rows.total:
                after = (rows.records[-1]["day"],)
            elif until is None:
                return typed_digests(days)
            else:
                after = (until.isoformat(),)

    def _day_of(self, stamp: str, *, desc: bool) -> date:
        """The day of the newest or the oldest stamp; rows of other stamps lie in the ranges at the ends."""
        span = next(span for span in spans(StampWindow(), self.columns) if span.keys[0] == stamp)
        request = self._select(span, stamp).order(stamp, desc=desc).limit(1)
        rows = self.rest.rows(lambda: request)
        return day_of(rows.records[0][stamp]) if rows.records else date.min


def _rows_beyond(after: KeyValues | None, span: Span, answer: httpx.Response) -> Rows:
    """The rows of a page that began after this key. A cache that takes all pages for one must not keep us reading."""
    rows = rows_of_answer(answer)
    try:
        if rows.records and span.key(rows.records[-1]) == after:
            raise TransientFailure("the page before once more")
    except KeyError:
        raise TransientFailure("rows without the columns that were asked for") from None
    return rows


def _select(rest: Rest, *columns: str, count: Any = None, filters: str = "", order: Sequence[str] = ()) -> Any:
    request = rest.client.table(rest.project.table).select(*columns, count=count)
    if filters:
        request = request.or_(filters)
    for name in order:
        request = request.order(name)
    return request


def _whole_keys(span: Span, rows: Rows) -> Rows:
    """A page without the rows of its last key, of which the next one may hold more; all of it where they are all."""
    last = span.key(rows.records[-1])
    whole = next((n for n in range(len(rows.records) - 1, -1, -1) if span.key(rows.records[n]) != last), None)
    if whole is None:
        return rows
    return Rows(rows.texts[: whole + 1], rows.records[: whole + 1], rows.total)


def _days(rest: Rest, columns: Sequence[str], after: KeyValues | None, until: date | None) -> Any:
    """The digests of the days behind `after` (whose day is null for the rows without a stamp; they come first)."""
    params = {"of_columns": "{" + ",".join(columns) + "}"}
    if after is not None:
        params["after_day"] = after[0] or "-infinity"
    if until is not None:
        params["last_day"] = until.isoformat()
    count: Any = EXACT
    return rest.client.rpc(_DIGESTS, params, count=count, get=True).order("day", nullsfirst=True)


def _columns(rest: Rest) -> list[str]:
    """The columns of the table, as far as the key may read them: by a row of it, or by asking where it has none."""
    try:
        rows = rest.rows(lambda: _select(rest, "*").limit(1))
    except ProjectDenied as refusal:
        # It may be allowed some of the columns only.
        if refusal.code != NO_RIGHT or not _has(rest, "id"):
            raise
        return _readable(rest)
    return list(rows.records[0]) if rows.records else _readable(rest)


def _readable(rest: Rest) -> list[str]:
    return list(BET_COLUMNS) if _has(rest, *BET_COLUMNS) else [name for name in BET_COLUMNS if _has(rest, name)]


def _has(rest: Rest, *columns: str) -> bool:
    try:
        rest.rows(lambda: _select(rest, *columns).limit(1))
    except ProjectDenied as refusal:
        if refusal.code in (NO_COLUMN, NO_RIGHT):
            return False
        raise
    return True
