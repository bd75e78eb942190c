"""The kinds of column a bet has: how each is read, from one value or from a whole Polars column, and its limits.

A kind stands in the annotations of `BetSchema`. What it cannot read, or what breaks a limit, is a reason to reject.
Limits use operators that mean the same on a Python value and on a Polars expression, so each is written once.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar

import polars as pl
from typing_extensions import override

from feature_repo.bets.names import WHITESPACE, normal_name, normal_names
from quality.schema.grammar import BOOLEAN_SPELLINGS, NUMBER, ROUNDED_ID

NULL_EXPRESSION = pl.lit(None)


class Unreadable(Exception):
    """The value is not of its column's kind."""


@dataclass(frozen=True)
class Limit:
    """What is wrong with a readable value when `broken(value, now)` holds."""

    reason: str
    broken: Callable[[Any, datetime], Any]


class ColumnKind(ABC):
    """One kind of column. `read` and `expression` never meet null, nor text that was not cleaned."""

    dtype: ClassVar[pl.DataType]
    unreadable: ClassVar[str]

    def clean(self, text: str) -> str | None:
        """Text as it is read: without white space around it, and None if nothing is left."""
        return text.strip(WHITESPACE) or None

    def cleaned(self, text: pl.Expr) -> pl.Expr:
        """`clean` over a column of text."""
        trimmed = text.str.strip_chars(WHITESPACE)
        return pl.when(trimmed != "").then(trimmed)

    @abstractmethod
    def read(self, value: object) -> object:
        """The value as its column's type. Raises Unreadable."""

    @abstractmethod
    def expression(self, raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        """The same for a column of this physical type: null where it is unreadable."""

    @cached_property
    def limits(self) -> tuple[Limit, ...]:
        """What a readable value must keep to on its own."""
        return ()


@dataclass(frozen=True)
class Text(ColumnKind):
    """Names and ids. Whole numbers are taken by their digits: a source may number its bets."""

    longest: int
    dtype = pl.String()
    unreadable = "not text"

    @override
    def read(self, value: object) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise Unreadable

    @override
    def expression(self, raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        return (raw if dtype == pl.String or dtype.is_integer() else NULL_EXPRESSION).cast(pl.String)

    @cached_property
    @override
    def limits(self) -> tuple[Limit, ...]:
        return (
            Limit(f"longer than {self.longest} characters", lambda text, _: _length(text) > self.longest),
            # Postgres text cannot hold it.
            Limit("contains a NUL character", lambda text, _: _has_nul(text)),
        )


@dataclass(frozen=True)
class Id(Text):
    """What tells one bet from all others."""

    @cached_property
    @override
    def limits(self) -> tuple[Limit, ...]:
        return (
            *super().limits,
            Limit("rounded by a spreadsheet, its digits are lost", lambda text, _: _is_rounded(text)),
        )


@dataclass(frozen=True)
class Name(Text):
    """The name of a sport, a league, a market or a book, in its one spelling (`feature_repo/bets/names.py`)."""

    @override
    def clean(self, text: str) -> str | None:
        return normal_name(text)

    @override
    def cleaned(self, text: pl.Expr) -> pl.Expr:
        return text.map_batches(normal_names, return_dtype=pl.String())


@dataclass(frozen=True)
class Choice(ColumnKind):
    """One of a closed list of names, or of their `synonyms` (in lower case), in any letter case.

    What matches the pattern `numbered` in lower case is a name as well.
    """

    names: type[StrEnum]
    synonyms: Mapping[str, StrEnum] = field(default_factory=dict, hash=False)
    numbered: str | None = None
    dtype = pl.String()
    unreadable = "unknown value"

    @override
    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise Unreadable
        lower = value.lower()
        if self.numbered and re.fullmatch(self.numbered, lower):
            return lower
        name = self._spellings.get(lower)
        if name is None:
            raise Unreadable
        return name

    @override
    def expression(self, raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        if dtype != pl.String:
            return NULL_EXPRESSION.cast(pl.String)
        lower = raw.str.to_lowercase()
        name = lower.replace_strict(self._spellings, default=None, return_dtype=pl.String)
        return pl.when(lower.str.contains(self.numbered)).then(lower).otherwise(name) if self.numbered else name

    @cached_property
    def _spellings(self) -> dict[str, str]:
        own = {name.lower(): name.value for name in self.names}
        return own | {spelling: name.value for spelling, name in self.synonyms.items()}


@dataclass(frozen=True)
class Number(ColumnKind):
    """A finite number within its bounds. Booleans are none."""

    lowest: float = -math.inf
    highest: float = math.inf
    whole: bool = False
    dtype = pl.Float64()
    unreadable = "not a finite number"

    @override
    def read(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
            raise Unreadable
        if isinstance(value, str) and not re.fullmatch(NUMBER, value):
            raise Unreadable
        try:
            number = float(value)
        except (OverflowError, ValueError):  # an int beyond every float; a signalling NaN
            raise Unreadable from None
        if not math.isfinite(number):
            raise Unreadable
        return number

    @override
    def expression(self, raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        if dtype == pl.String:
            number = pl.when(raw.str.contains(NUMBER)).then(raw).cast(pl.Float64, strict=False)
        else:
            number = (raw if dtype.is_numeric() else NULL_EXPRESSION).cast(pl.Float64)
        return pl.when(number.is_finite()).then(number)

    @cached_property
    @override
    def limits(self) -> tuple[Limit, ...]:
        limits = (
            (self.lowest > -math.inf, Limit(f"below {self.lowest:,}", lambda number, _: number < self.lowest)),
            (self.highest < math.inf, Limit(f"above {self.highest:,}", lambda number, _: number > self.highest)),
            (self.whole, Limit("not a whole number", lambda number, _: number % 1 != 0)),
        )
        return tuple(limit for has, limit in limits if has)


@dataclass(frozen=True)
class Flag(ColumnKind):
    """True or false."""

    dtype = pl.Boolean()
    unreadable = "not true or false"

    @override
    def read(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        flag = (
            BOOLEAN_SPELLINGS.get(value.lower())
            if isinstance(value, str)
            else {0.0: False, 1.0: True}.get(_NUMBER.read(value))
        )
        if flag is None:
            raise Unreadable
        return flag

    @override
    def expression(self, raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        if dtype == pl.String:
            return raw.str.to_lowercase().replace_strict(BOOLEAN_SPELLINGS, default=None, return_dtype=pl.Boolean)
        if dtype.is_numeric():
            number = _NUMBER.expression(raw, dtype)
            return pl.when((number == 0) | (number == 1)).then(number == 1)
        return (raw if dtype == pl.Boolean else NULL_EXPRESSION).cast(pl.Boolean)


_NUMBER = Number()


def cleaned(kind: ColumnKind, value: object) -> object:
    """Text as its kind reads it, and None if nothing is left; anything else as it is."""
    return kind.clean(value) if isinstance(value, str) else value


def cleaned_column(kind: ColumnKind, column: str, dtype: pl.DataType) -> pl.Expr:
    """`cleaned` over a column. Categories become String."""
    if not isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return pl.col(column)
    return kind.cleaned(pl.col(column).cast(pl.String)).alias(column)


def _length(text: Any) -> Any:
    return text.str.len_chars() if isinstance(text, pl.Expr) else len(text)


def _has_nul(text: Any) -> Any:
    return text.str.contains("\0", literal=True) if isinstance(text, pl.Expr) else "\0" in text


def _is_rounded(text: Any) -> Any:
    return text.str.contains(ROUNDED_ID) if isinstance(text, pl.Expr) else bool(re.fullmatch(ROUNDED_ID, text))
