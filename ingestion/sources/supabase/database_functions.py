"""What functions in the project's database say of the table of bets (docs/supabase.sql), where they are there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

import polars as pl

from ingestion.sources.digests import day_of, typed_digests
from ingestion.sources.settings import SupabaseProject
from ingestion.sources.supabase.keyset import KeyValues, Span, spans
from ingestion.sources.supabase.rest import ProjectDenied, Rest
from ingestion.sources.supabase.span_reader import EXACT, rows_beyond, select_rows
from ingestion.sources.table import StampWindow

_DIGESTS: Final = "pikkit_bet_digests"
_FACTS: Final = "pikkit_bet_facts"
# How many days are asked for, when the digests of all days take the database longer than it may; then ever fewer.
_DAYS_AT_ONCE: Final = 366


@dataclass(frozen=True)
class TableFacts:
    """What the database says of the table: whether an index lets no id repeat, and something runs before updates."""

    has_unique_id: bool
    has_update_trigger: bool


def may_have_functions(project: SupabaseProject) -> bool:
    """Whether the functions are of this table: they know public.bets only."""
    return (project.schema, project.table) == ("public", "bets")


def table_facts(rest: Rest) -> TableFacts | None:
    """What the database knows of the table; null where the function is not there, or gives another answer."""
    with suppress(ProjectDenied, KeyError, IndexError):
        count: Any = EXACT
        (row,) = rest.rows(lambda: rest.client.rpc(_FACTS, {}, count=count, get=True)).records
        return TableFacts(row["has_unique_id"] is True, row["has_update_trigger"] is True)
    return None


class DigestFunction:
    """The function that digests these columns of all rows, a day at a time."""

    def __init__(self, rest: Rest, columns: Sequence[str]) -> None:
        self._rest, self._columns = rest, columns
        self._days: int | None = None  # how many the database digests at once; null: all of them

    def digests(self) -> pl.DataFrame:
        """The digests with DIGESTS_SCHEMA: all days at once, or a range after the other where that takes too long.

        Answers of functions are capped, too. What follows the last day of one is asked for by the next. Raises
        ProjectDenied without the function, and KeyError, TypeError or ValueError for one of another version.
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
            return _days(self._rest, self._columns, after, until)

        def fewer() -> None:
            days_asked = self._days or (newest - start()).days + 1
            self._days = max(min(days_asked, 2 * _DAYS_AT_ONCE) // 2, 1)

        while True:
            rows = self._rest.send(request, partial(rows_beyond, after, Span(("day",))), fewer)
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
        span = next(span for span in spans(StampWindow(), self._columns) if span.keys[0] == stamp)
        request = select_rows(self._rest, stamp, filters=span.filters).order(stamp, desc=desc).limit(1)
        rows = self._rest.rows(lambda: request)
        return day_of(rows.records[0][stamp]) if rows.records else date.min


def _days(rest: Rest, columns: Sequence[str], after: KeyValues | None, until: date | None) -> Any:
    """The digests of the days behind `after` (whose day is null for the rows without a stamp; they come first)."""
    params = {"of_columns": "{" + ",".join(columns) + "}"}
    if after is not None:
        params["after_day"] = after[0] or "-infinity"
    if until is not None:
        params["last_day"] = until.isoformat()
    count: Any = EXACT
    return rest.client.rpc(_DIGESTS, params, count=count, get=True).order("day", nullsfirst=True)
