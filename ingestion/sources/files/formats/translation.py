"""From the columns of a file to those of a bet, as a format declares it: whole columns at a time, in Polars.

A value that cannot be translated is a problem of its row (`closing_line: not a decimal price above 1`), under the name
that the file gives it, and the row goes to quarantine as it came. What no rule gives a value to is null.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from feature_repo.bets.names import WHITESPACE
from ingestion.sources.files.formats.declaration import ColumnRule, Format, folded
from ingestion.sources.files.formats.phrases import phrases_named
from ingestion.sources.files.formats.values import (
    american_odds_of,
    as_text,
    decimal_price,
    moments,
    names_of,
    number,
    one_name,
    tags_of,
)
from ingestion.sources.page import Page, build_page
from ingestion.sources.raw_page import RawPage
from quality.schema.bet import KINDS
from quality.schema.kinds import cleaned, cleaned_column

_DIGEST_BYTES: Final = 12
_PRICES: Final = {
    "decimal": "not a decimal price above 1",
    "american": "not an American price (below -100, or from 100 on)",
    "lay": "not a decimal price above 1",
}


def translate(format_: Format, raw: RawPage) -> Page:
    """The page of bets that these rows are. Unknown columns are those that no rule of the format reads."""
    translation = _Translation.of(format_, raw)
    for column in format_.order:
        translation.make(column)
    # A column that no rule finds anything for is one that the file has not.
    made = {
        column: translation.bets[column]
        for column, rules in format_.bets.items()
        if any(not rule.from_ or raw.columns.keys() & set(rule.from_) for rule in rules)
    }
    return build_page(made, raw.payload, translation.problems, raw.unknown_columns)


@dataclass
class _Translation:
    """The columns of a page as they are made, one after the other."""

    format: Format
    height: int
    source: Mapping[str, pl.Series]
    bets: dict[str, pl.Series] = field(default_factory=dict)
    problems: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, format_: Format, raw: RawPage) -> _Translation:
        blanks = list(format_.blanks)
        problems: dict[int, list[str]] = defaultdict(list)
        for position, reasons in raw.problems.items():
            problems[position] += reasons
        source = {name: _without_blanks(column, blanks) for name, column in raw.columns.items()}
        return cls(format_, len(raw.payload), source, problems=problems)

    def make(self, column: str) -> None:
        """Make a column of the bet: of each row the value of the first rule that applies to it and gives one."""
        values = self._nulls()
        undecided = self._all_rows()
        for rule in self.format.bets[column]:
            applies = undecided & self._applies(rule)
            if not applies.any():
                continue
            made, faults = self._value(column, rule)
            for name, is_at_fault, reason in faults:
                for position in (applies & is_at_fault).arg_true():
                    self._blame(position, f"{name}: {reason}")
                applies &= ~is_at_fault
                undecided &= ~is_at_fault
            values = _chosen(applies & made.is_not_null(), made, values)
            # What the schema reads as null (`N/A` as a name) leaves room for the next rule.
            undecided &= ~(applies & _cleaned(column, made).is_not_null())
        self.bets[column] = self._renamed(column, values).alias(column)

    def _blame(self, position: int, problem: str) -> None:
        if problem not in self.problems[position]:
            self.problems[position].append(problem)

    def _nulls(self) -> pl.Series:
        return pl.Series([None]).new_from_index(0, self.height)

    def _all_rows(self) -> pl.Series:
        return pl.Series([True]).new_from_index(0, self.height)

    # ---- for which rows ----------------------------------------------------------------------------------------------

    def _applies(self, rule: ColumnRule) -> pl.Series:
        applies = self._all_rows()
        for column, values in rule.when.items():
            applies &= self._is_one_of(column, values)
        for column, values in rule.unless.items():
            applies &= ~self._is_one_of(column, values)
        for name, values in rule.where.items():
            wanted = [folded(str(value)) for value in values]
            applies &= as_text(self._column(name)).str.strip_chars().str.to_lowercase().is_in(wanted).fill_null(False)
        return applies

    def _is_one_of(self, column: str, values: tuple[Any, ...]) -> pl.Series:
        """Where a column of the bet has one of these values, both read as the schema reads them."""
        kind = KINDS[column]
        wanted = [kind.read(cleaned(kind, value)) for value in values]
        text = _cleaned(column, self.bets[column])
        read = pl.DataFrame({column: text}).select(kind.expression(pl.col(column), text.dtype)).to_series()
        return read.is_in(pl.Series(wanted, dtype=kind.dtype).implode()).fill_null(False)

    # ---- what value --------------------------------------------------------------------------------------------------

    def _value(self, column: str, rule: ColumnRule) -> tuple[pl.Series, list[tuple[str, pl.Series, str]]]:
        """What a rule makes of every row, and which rows it cannot: the column to blame, where, and why."""
        if rule.constant is not None:
            return pl.Series([rule.constant]).new_from_index(0, self.height), []
        if rule.digest_of:
            return self._digests(rule), []
        if rule.clv_of:
            return self._clv(rule)
        if rule.of:
            values, origins = self._first({name: self.bets[name] for name in rule.of})
        else:
            values, origins = self._first({name: self.source[name] for name in rule.from_ if name in self.source})
        made, faults = self._changed(column, rule, values)
        # The column to blame is the one that a row's value was taken from.
        return made, [
            (blamed, is_at_fault if name else is_at_fault & (origins == blamed), reason)
            for name, is_at_fault, reason in faults
            for blamed in ([name] if name else origins.unique().drop_nulls())
        ]

    def _first(self, columns: Mapping[str, pl.Series]) -> tuple[pl.Series, pl.Series]:
        """Of each row the first value that one of the columns has, and the name of that column."""
        values, origins = self._nulls(), self._nulls().cast(pl.String)
        for name, each in columns.items():
            origins = origins.set(values.is_null() & each.is_not_null(), name)
            values = _chosen(values.is_not_null(), values, each)
        return values, origins

    def _changed(
        self, column: str, rule: ColumnRule, values: pl.Series
    ) -> tuple[pl.Series, list[tuple[str | None, pl.Series, str]]]:
        """The values of a column after all that a rule does with them; to blame is that column (null), or another."""
        faults: list[tuple[str | None, pl.Series, str]] = []

        def check(made: pl.Series, of: pl.Series, reason: str, blamed: str | None = None) -> pl.Series:
            faults.append((blamed, made.is_null() & of.is_not_null(), reason))
            return made

        if rule.extract is not None:
            values = as_text(values).str.extract(rule.extract, 1)
        if rule.phrases is not None:
            table = phrases_named(rule.phrases, self.format)
            values = names_of(as_text(values), table, column, rule.joined, rule.mixed)
        elif rule.joined is not None:
            values = one_name(as_text(values), rule.joined, rule.mixed)
        if rule.tagged:
            return tags_of(as_text(values), rule.tagged), faults
        if rule.spellings:
            values = _respelled(values, rule.spellings)
        if rule.price is not None:
            exact = check(decimal_price(values, rule.price), values, _PRICES[rule.price])
            values = american_odds_of(exact, whole=column != "odds")
        if rule.unit == "cents" or rule.minus is not None:
            values = check(number(values), values, "not a finite number")
            if rule.minus is not None:
                other = self._column(rule.minus)
                values = values - check(number(other), other, "not a finite number", rule.minus)
            if rule.unit == "cents":
                values = values / 100
        if rule.pattern or rule.zone is not None or rule.plus is not None:
            expected = "not a time of " + " or ".join(rule.pattern) if rule.pattern else "not a time"
            values = check(moments(values, rule, self.format.offsets), values, expected)
        return values, faults

    def _column(self, name: str) -> pl.Series:
        return self.source.get(name, self._nulls())

    def _clv(self, rule: ColumnRule) -> tuple[pl.Series, list[tuple[str, pl.Series, str]]]:
        """100 · (taken / closing - 1), to four digits; null where either price is not known."""
        assert rule.price is not None  # noqa: S101 - checked when the declaration was read
        prices, faults = [], []
        for name in rule.clv_of:
            values = self._column(name)
            prices.append(decimal_price(values, rule.price))
            faults.append((name, prices[-1].is_null() & values.is_not_null(), _PRICES[rule.price]))
        taken, closing = prices
        return (100 * (taken / closing - 1)).round(4), faults

    def _digests(self, rule: ColumnRule) -> pl.Series:
        """Of each row the first 96 bits, in hexadecimal, of BLAKE2b over the texts of these columns as a JSON array."""
        texts = zip(*(as_text(self._column(name)).str.strip_chars() for name in rule.digest_of), strict=True)
        return pl.Series([_digest(row) for row in texts], dtype=pl.String)

    def _renamed(self, column: str, values: pl.Series) -> pl.Series:
        aliases = self.format.aliases.get(column)
        return _respelled(values, aliases) if aliases else values


def _cleaned(column: str, values: pl.Series) -> pl.Series:
    """The values of a column of a bet as the schema gets to read them."""
    return pl.DataFrame({column: values}).select(cleaned_column(KINDS[column], column, values.dtype)).to_series()


def _without_blanks(column: pl.Series, blanks: list[str]) -> pl.Series:
    """The column with null for what is white space or one of the declared blanks."""
    if column.dtype != pl.String:
        return column
    text = column.str.strip_chars(WHITESPACE)
    text = text.set(text == "", None)
    return text.set(text.is_in(blanks).fill_null(False), None) if blanks else text


def _respelled(values: pl.Series, spellings: Mapping[str, Any]) -> pl.Series:
    """The values, those that are spelled like a key (which is folded) replaced by its value."""
    text = as_text(values)
    respelled = (
        text.str.strip_chars()
        .str.to_lowercase()
        .replace_strict(
            list(spellings), [_spelled(value) for value in spellings.values()], default=None, return_dtype=pl.String
        )
    )
    return text.zip_with(respelled.is_null(), respelled)


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _chosen(where: pl.Series, values: pl.Series, others: pl.Series) -> pl.Series:
    """`values` where it holds, `others` elsewhere; as text where they are of two types."""
    if values.dtype == pl.Null:
        values = values.cast(others.dtype)
    if others.dtype == pl.Null:
        others = others.cast(values.dtype)
    if values.dtype != others.dtype:
        values, others = as_text(values), as_text(others)
    return values.zip_with(where, others)


def _digest(row: tuple[str | None, ...]) -> str | None:
    if all(text is None for text in row):
        return None
    return hashlib.blake2b(json.dumps(row, ensure_ascii=False).encode(), digest_size=_DIGEST_BYTES).hexdigest()
