"""Spans of a table read page by page over REST, with no row lost to a cap of the server or to what others write.

Pages begin after the last row of the page before (keyset), so what others write meanwhile shifts nothing. A short page
is not the end, because servers cap pages; an empty one is, if an exact count agrees. Every chunk of 50 pages is
counted so. One that fell short is read again, and one that keeps falling short is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from feature_repo.errors import Unreachable
from ingestion.sources.retry import TransientFailure
from ingestion.sources.supabase.keyset import KeyValues, Span
from ingestion.sources.supabase.rest import Rest, Rows, rows_of_answer

if TYPE_CHECKING:
    import httpx

REST_PAGE_ROWS: Final = 1000  # what Supabase caps pages at unless told otherwise
# Counting costs the server as much as reading, so it is asked for once in so many pages. They are what is read again
# when the count does not agree.
PAGES_BETWEEN_COUNTS: Final = 50
READS: Final = 3
EXACT: Final = "exact"


class SpanReader:
    """Reads these columns of the rows of any spans. `note_rows` is told how many rows each page brought."""

    def __init__(self, rest: Rest, stream: str, columns: Sequence[str], note_rows: Callable[[int], None]) -> None:
        self._rest, self._stream, self._columns, self._note_rows = rest, stream, columns, note_rows
        self._size = REST_PAGE_ROWS
        self._takes_whole_keys = False

    def rows(self, spans: Iterable[Span]) -> Iterator[Rows]:
        """The rows of these spans, at most 1,000 at once, in the order of each span's keys.

        Raises ProjectDenied, and Unreachable when a chunk keeps falling short of its count.
        """
        for span in spans:
            yield from self._rows(span)

    def count(self, span: Span) -> int:
        """The number of rows of a span, by an exact count."""
        return self._rest.count(lambda: self._select(span, "id", count=EXACT).limit(1))

    def bounded(self, spans: Iterable[Span]) -> list[Span]:
        """The spans up to their newest rows; those without rows fall away."""
        bounds = [(span, self._newest(span)) for span in spans]
        return [span.within(newest) for span, newest in bounds if newest is not None]

    def _newest(self, span: Span) -> Any:
        """The greatest first key of a span; null if it is empty, by a count too."""
        stamp = span.keys[0]
        for count in (None, EXACT):
            request = partial(self._newest_first, span, count)
            rows = self._rest.send(request, partial(rows_beyond, None, Span((stamp,))))
            if rows.records:
                return rows.records[0][stamp]
        return None

    def _newest_first(self, span: Span, count: Any) -> Any:
        stamp = span.keys[0]
        return self._select(span, stamp, count=count).order(stamp, desc=True).limit(1)

    def _rows(self, span: Span) -> Iterator[Rows]:
        """The rows of a span, a chunk of pages after the other."""
        start: KeyValues | None = None
        while True:
            start = yield from self._chunk(span.after(start))
            if start is None:
                return

    def _chunk(self, span: Span) -> Generator[Rows, None, KeyValues | None]:
        """The first pages of a span, read until a count agrees; returns the last key, null when the span has no more.

        Rows that came or went between count and read explain a difference. So after a second read the smaller one of
        the counts before and after it decides, and rows that stay put are in both.
        """
        counts: list[int] = []
        came = 0
        for _ in range(READS):
            came, end, at_end = yield from self._read_chunk(span)
            counts.append(self.count(span.up_to(None if at_end else end)))
            if came >= min(counts[-2:]):
                return None if at_end else end
            # A page may have ended between two rows of one key, and the next one begins behind both.
            self._takes_whole_keys = True
        raise Unreachable(
            f"{self._stream} has {counts[-1]:,} rows where {came:,} came, and it was read {READS} times",
            "What was not committed is undone",
            "Look at what stands between us and the database, and whether more rows than fit a page have one id; "
            "then run it again",
            service=self._rest.project.host,
        )

    def _read_chunk(self, span: Span) -> Generator[Rows, None, tuple[int, KeyValues | None, bool]]:
        """How many rows came, the key of the last of them, and whether the span seems to end there."""
        came, end = 0, None
        for _ in range(PAGES_BETWEEN_COUNTS):
            rows = self._page(span, end)
            if not rows.records:
                return came, end, True
            if self._takes_whole_keys:
                rows = _whole_keys(span, rows)
            yield rows
            came, end = came + len(rows.records), span.key(rows.records[-1])
            self._note_rows(len(rows.records))
        return came, end, False

    def _page(self, span: Span, after: KeyValues | None) -> Rows:
        """The rows behind a key, as many as the server gives at once."""

        def request() -> Any:
            return self._select(span.after(after), *self._columns, order=span.keys).limit(self._size)

        return self._rest.send(request, partial(rows_beyond, after, span), self._halve)

    def _halve(self) -> None:
        """The server's time for a statement is up before it has made a page: ask for smaller ones from now on."""
        self._size = max(self._size // 2, 1)

    def _select(self, span: Span, *columns: str, count: Any = None, order: Sequence[str] = ()) -> Any:
        return select_rows(self._rest, *columns, count=count, filters=span.filters, order=order)


def rows_beyond(after: KeyValues | None, span: Span, answer: httpx.Response) -> Rows:
    """The rows of a page that began after this key. A cache that takes all pages for one must not keep us reading."""
    rows = rows_of_answer(answer)
    try:
        if rows.records and span.key(rows.records[-1]) == after:
            raise TransientFailure("the page before once more")
    except KeyError:
        raise TransientFailure("rows without the columns that were asked for") from None
    return rows


def select_rows(rest: Rest, *columns: str, count: Any = None, filters: str = "", order: Sequence[str] = ()) -> Any:
    """A request for these columns of the project's table; with `count` EXACT the answer says how many there are."""
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
