"""The table of bets of a project while it is read: the TableReader over REST."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Final

import polars as pl

from ingestion.sources.digests import digests_of, keys_of_pages
from ingestion.sources.json_rows import page_of
from ingestion.sources.page import Page
from ingestion.sources.supabase.database_functions import DigestFunction, TableFacts, may_have_functions, table_facts
from ingestion.sources.supabase.keyset import Span, spans, spans_of
from ingestion.sources.supabase.rest import NO_VALUE, ProjectDenied, Rest
from ingestion.sources.supabase.span_reader import EXACT, REST_PAGE_ROWS, SpanReader, select_rows
from ingestion.sources.table import KEYS_SCHEMA, StampWindow

_DECODER: Final = json.JSONDecoder()


class SupabaseReading:
    """An open connection to the table `stream` (sources/table.py). `note_rows` is told how many rows each page has."""

    def __init__(
        self,
        rest: Rest,
        stream: str,
        columns: tuple[str, ...],
        unknown_columns: tuple[str, ...],
        note_rows: Callable[[int], None],
        user_column: str | None = None,
    ) -> None:
        self.rest = rest
        # As of TableReader.
        self.columns = columns
        self.unknown_columns = unknown_columns
        self._reader = SpanReader(rest, stream, columns, note_rows)
        # Rows as they are compared lack the user: only pages have it, and take it out of the payload.
        self._user_column = user_column
        users = () if user_column is None else (user_column,)
        self._page_reader = SpanReader(rest, stream, (*columns, *users), note_rows)

    def total(self) -> int | None:
        """See TableReader."""
        return self.rest.count_in_time(lambda: select_rows(self.rest, "id", count=EXACT).limit(1))

    def count(self, window: StampWindow) -> int:
        """The number of rows in the window."""
        return sum(self._reader.count(span) for span in spans(window, self.columns))

    def pages(self, window: StampWindow) -> Iterator[Page]:
        """The rows of the window, at most 1,000 a page."""
        return self._pages(self._reader.bounded(spans(window, self.columns)))

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
        if may_have_functions(self.rest.project):
            # Without the function, or with one that is not of this version, the rows themselves say the same.
            with suppress(ProjectDenied, KeyError, TypeError, ValueError):
                return DigestFunction(self.rest, self.columns).digests()
        return digests_of(self._keys(self._reader.bounded(spans(StampWindow(), self.columns))))

    def facts(self) -> TableFacts | None:
        """What the database knows of the table, from a function there; null where there is none, or no such answer."""
        return table_facts(self.rest) if may_have_functions(self.rest.project) else None

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
        return select_rows(self.rest, "id", count=count).order("id", desc=desc).limit(REST_PAGE_ROWS)

    def keys(self, day: date | None) -> pl.DataFrame:
        """The rows of one UTC day (null: those without a stamp)."""
        return self._keys(self._spans_of(day)).cast(KEYS_SCHEMA)

    def _spans_of(self, day: date | None) -> list[Span]:
        if day is None:
            *_, unstamped = spans(StampWindow(), self.columns)
            return [unstamped]
        midnight = datetime.combine(day, time(), UTC)
        if day == date.max:
            return spans(StampWindow(midnight), self.columns)[:-1]
        return spans(StampWindow(midnight, midnight + timedelta(days=1)), self.columns)

    def _pages(self, spans_to_read: Iterable[Span]) -> Iterator[Page]:
        """The rows of the spans; the first page names the unknown columns of the table."""
        unknown = self.unknown_columns
        for rows in self._page_reader.rows(spans_to_read):
            texts, users = rows.texts, None
            if self._user_column is not None:
                texts = [without_last_member(text, self._user_column) for text in rows.texts]
                whose = [record.get(self._user_column) for record in rows.records]
                users = pl.Series([None if user is None else str(user) for user in whose], dtype=pl.String)
            yield replace(page_of([text.encode() for text in texts]), unknown_columns=unknown, users=users)
            unknown = ()

    def _keys(self, spans_to_read: Iterable[Span]) -> pl.DataFrame:
        """The keys of the rows of these spans, with stamps in microseconds."""
        return keys_of_pages(self._reader.rows(spans_to_read))


def without_last_member(text: str, name: str) -> str:
    """The text of a JSON object without its last member, which has this name; the same where that is not the last."""
    name_and_colon = f"{json.dumps(name)}:"
    before, found, after = text.rpartition(name_and_colon)
    try:
        _, end = _DECODER.raw_decode(after.lstrip())
    except ValueError:
        return text
    is_last = found != "" and after.lstrip()[end:].strip() == "}"
    return before.rstrip().removesuffix(",") + "}" if is_last else text
