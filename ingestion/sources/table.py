"""A table of bets that changes under our feet, however it is reached: what a sync and a reconciliation ask of it.

A row's stamp is its `updated_at`, or its `created_at` where that is null (or infinite). It says in which window the row
lies, and is the day that a reconciliation counts it under. A row with neither has no stamp.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol

import polars as pl

from ingestion.sources.page import Page
from quality.evidence import INSTANT_TYPE

# What a reconciliation compares: per UTC day of the stamp (null: rows without one) the number of rows, and the sum of
# their digests. The digest of a row covers all known columns that the table has (ingestion/sql/sources/row_digest.sql).
DIGESTS_SCHEMA: Final = pl.Schema({"day": pl.Date(), "rows": pl.Int64(), "digest": pl.String()})
KEYS_SCHEMA: Final = pl.Schema({"id": pl.String(), "stamp": INSTANT_TYPE, "digest": pl.Int64()})


@dataclass(frozen=True)
class StampWindow:
    """Which rows: those with `since <= stamp < until`, of one sport where that is given.

    Without `until` it reaches to the newest stamp there is when the reading begins, also one in the future, and holds
    the rows without a stamp too.
    """

    since: datetime | None = None
    until: datetime | None = None
    sport: str | None = None


class SourceTable(Protocol):
    """A table of bets that was found readable."""

    @property
    def name(self) -> str:
        """The stream that sync_state keeps its place under. Holds no secret."""

    def reading(self) -> AbstractContextManager[TableReader]:
        """A connection to the table. Closed at the end, also after an error."""


class TableReader(Protocol):
    """An open connection to a table. Everything here raises Unreachable once retries are used up."""

    @property
    def columns(self) -> Sequence[str]:
        """The known columns that the table has, in the order of `quality.schema.BET_COLUMNS`: those that are read."""

    @property
    def unknown_columns(self) -> tuple[str, ...]:
        """The others, as far as they can be told. They are not read."""

    def total(self) -> int | None:
        """The number of all rows that are shown to us; null when the time for a statement is up before it is known."""

    def count(self, window: StampWindow) -> int:
        """The number of rows in the window."""

    def pages(self, window: StampWindow) -> Iterator[Page]:
        """The rows of the window. Each row that stays where it is while this reads comes once."""

    def pages_of(self, ids: Sequence[str]) -> Iterator[Page]:
        """The rows with these ids, as far as they exist."""

    def repeated_among(self, ids: Sequence[str]) -> set[str]:
        """Those of these ids that more than one row has at one instant."""

    def digests(self) -> pl.DataFrame:
        """The digests of all rows with an id, a row per day, with DIGESTS_SCHEMA; a day without rows is not there.

        Where an id repeats, its newest row alone counts; of several with that stamp the one of the greatest digest.
        """

    def keys(self, day: date | None) -> pl.DataFrame:
        """The rows of one UTC day (null: those without a stamp) that have an id, with KEYS_SCHEMA, one row per id.

        Where an id repeats, its newest row alone counts, as for `digests`.
        """
