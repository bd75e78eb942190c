"""The three tables of docs/supabase.sql: their columns, and how a value travels to them and back unchanged.

A row is a tuple in the order of the columns, typed as Postgres has it: two rows are equal when their values are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

PublishedRow: TypeAlias = tuple[Any, ...]
PublishedKey: TypeAlias = tuple[str, ...]

# A JSON number would become a float.
_MONEY: Final = ("total_amount", "total_profit")


@dataclass(frozen=True)
class PublishedTable:
    """A table and the view in the store that it is a copy of; the two have the same name and columns."""

    name: str
    key: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a row, the key first."""
        return self.key + self.values

    @property
    def selection(self) -> tuple[str, ...]:
        """The columns as they are asked for."""
        return tuple(f"{column}::text" if column in _MONEY else column for column in self.columns)

    def key_of(self, row: PublishedRow) -> PublishedKey:
        """The key of a row."""
        return row[: len(self.key)]

    def sent(self, row: PublishedRow) -> dict[str, Any]:
        """A row as JSON."""
        return {column: _sent(value) for column, value in zip(self.columns, row, strict=True)}

    def received(self, document: Mapping[str, Any]) -> PublishedRow:
        """A row from JSON."""
        return tuple(_received(column, document[column]) for column in self.columns)


PUBLISHED_SPORT_STATS: Final = PublishedTable(
    "feature_sport_stats",
    ("sport",),
    ("win_rate", "roi", "total_bets", "total_amount", "total_profit", "updated_at"),
)
PUBLISHED_SPORT_MARKET_STATS: Final = PublishedTable(
    "feature_sport_market_stats",
    ("sport", "market"),
    ("win_rate", "roi", "total_bets", "recent_win_rate", "updated_at"),
)
PUBLISHED_INSTITUTION_STATS: Final = PublishedTable(
    "feature_institution_stats", ("institution_name",), ("win_rate", "roi", "total_bets", "updated_at")
)
TABLES: Final = (PUBLISHED_SPORT_STATS, PUBLISHED_SPORT_MARKET_STATS, PUBLISHED_INSTITUTION_STATS)


def from_store(row: PublishedRow) -> PublishedRow:
    """A row of a view. What is no number is not known: JSON has no NaN and no infinity."""
    return tuple(None if isinstance(value, float) and not math.isfinite(value) else value for value in row)


def _sent(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _received(column: str, value: Any) -> Any:
    """The value, or as it came where it is nothing that pikkit writes: it then equals none of ours."""
    try:
        if column in _MONEY and isinstance(value, str):
            return Decimal(value)
        return datetime.fromisoformat(value) if column == "updated_at" and isinstance(value, str) else value
    except (ValueError, InvalidOperation):
        return value
