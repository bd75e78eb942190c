"""What a rule does with a column: numbers, prices, times, joined cells, tags, phrases. Null where it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import polars as pl

from feature_repo.bets.odds import american_of_decimal_expression
from ingestion.sources.files.formats.declaration import ColumnRule, Phrase, PriceKind
from quality.schema.grammar import HAS_OFFSET, TIMESTAMP
from quality.schema.instants import Instant
from quality.schema.kinds import Number

_ZONE_NAME: Final = r"\s*([A-Za-z]+)$"


def as_text(values: pl.Series) -> pl.Series:
    """The values of any type as text, in order; nulls stay.

    Instants are ISO 8601, flags and numbers as JSON spells them.
    """
    if isinstance(values.dtype, pl.Datetime):
        return values.dt.to_string("iso:strict")
    if values.dtype == pl.Boolean:
        return values.cast(pl.String).str.to_lowercase()
    return values.cast(pl.String)


def number(values: pl.Series) -> pl.Series:
    """The values as finite numbers, read as the schema reads them."""
    return _select(values, Number().expression(pl.col("value"), values.dtype))


def decimal_price(values: pl.Series, kind: PriceKind) -> pl.Series:
    """Prices of this kind, as numbers or texts, as decimal prices above 1 (Float64), in order; null for what is none.

    American prices lie at 100 or more, or at -100 or less. A lay price becomes what the other side pays, for the
    liability as the stake.
    """
    price, exact = number(values), pl.col("value")
    if kind == "american":
        win = pl.when(exact >= 100).then(exact / 100).when(exact <= -100).then(-100 / exact)
        return _select(price, 1 + win)
    if kind == "lay":
        return _select(price, pl.when(exact > 1).then(1 + 1 / (exact - 1)))
    return _select(price, pl.when(exact > 1).then(exact))


def american_odds_of(prices: pl.Series, *, whole: bool) -> pl.Series:
    """The American odds of decimal prices: whole numbers, half a point up, as apps show them; else to four digits."""
    exact = american_of_decimal_expression(pl.col("value"))
    return _select(prices, (exact + 0.5).floor() if whole else exact.round(4))


def tags_of(values: pl.Series, tags: Sequence[str]) -> pl.Series:
    """Whether one of the tags of a cell is among these, in any letter case; false for a cell without tags."""
    wanted = "|".join(pl.escape_regex(tag.strip().lower()) for tag in tags)
    return values.str.to_lowercase().str.contains(rf"(?:^|[|,;])\s*(?:{wanted})\s*(?:[|,;]|$)").fill_null(False)


def one_name(values: pl.Series, separator: str, mixed: str | None) -> pl.Series:
    """For each text of names that `separator` joins, the one name that they all are; `mixed` where they differ.

    Names are trimmed first, and empty ones do not count; null where no name is left.
    """
    parts = pl.col("value").str.split(separator).list.eval(pl.element().str.strip_chars()).list.unique()
    parts = parts.list.eval(pl.element().filter(pl.element() != ""))
    several = pl.lit(mixed, pl.String)
    return _select(values, pl.when(parts.list.len() > 1).then(several).otherwise(parts.list.first()))


def names_of(
    values: pl.Series, table: Sequence[Phrase], column: str, separator: str | None, mixed: str | None
) -> pl.Series:
    """Of each text the name that the first fitting phrase gives for this column; null where none fits.

    Of a cell of joined texts the name that each of them gives: `mixed` where they differ, null where one gives none.
    """
    if separator is None:
        return _name(values, table, column)
    frame = pl.DataFrame({"value": values}).with_row_index("row").with_columns(pl.col("value").str.split(separator))
    parts = frame.explode("value").filter(pl.col("value").is_not_null())
    named = parts.with_columns(_name(parts["value"], table, column).alias("name"))
    several = pl.lit(mixed, pl.String)
    name = (
        pl.when(pl.col("name").is_null().any())
        .then(None)
        .when(pl.col("name").n_unique() > 1)
        .then(several)
        .otherwise(pl.col("name").first())
    )
    by_row = named.group_by("row").agg(name.alias("name"))
    return frame.select("row").join(by_row, on="row", how="left", maintain_order="left")["name"]


def _name(values: pl.Series, table: Sequence[Phrase], column: str) -> pl.Series:
    rows = [(phrase.expression, name) for phrase in table if (name := getattr(phrase, column)) is not None]
    # Texts repeat, and those that a row fits are not asked again.
    texts = pl.DataFrame({"value": values}).unique().drop_nulls()
    names, open_texts = [texts.clear().with_columns(pl.lit(None, pl.String).alias("name"))], texts
    for expression, name in rows:
        fits = open_texts["value"].str.contains(expression)
        names.append(open_texts.filter(fits).with_columns(pl.lit(name).alias("name")))
        open_texts = open_texts.filter(~fits)
    named = pl.concat(names)
    return pl.DataFrame({"value": values}).join(named, on="value", how="left", maintain_order="left")["name"]


def moments(values: pl.Series, rule: ColumnRule, offsets: Mapping[str, timedelta]) -> pl.Series:
    """Times by the patterns of a rule, in its zone, moved by what it adds.

    ISO 8601 text is a time in any case. A time with an offset or the name of a zone needs no zone; one without is in
    the rule's. An hour that the zone's clocks show twice is taken as the later one, so that nothing is known too early;
    one that they skip is no time. Without a zone it stays naive, and is read (and counted) as UTC.
    """
    if values.dtype != pl.String:
        made = _in_zone(values, rule.zone) if isinstance(values.dtype, pl.Datetime) else values.clear(len(values))
    else:
        made = _read(values, rule, offsets)
    if rule.plus is None:
        return made
    instants = _select(made, Instant().expression(pl.col("value"), made.dtype))
    return instants + rule.delay


def _read(values: pl.Series, rule: ColumnRule, offsets: Mapping[str, timedelta]) -> pl.Series:
    """ISO 8601 text as it stands where it has an offset, everything else as the text of what it means."""
    is_iso = values.str.contains(TIMESTAMP)
    has_offset = is_iso & values.str.contains(HAS_OFFSET)
    made = values.zip_with(has_offset, pl.Series([None], dtype=pl.String))
    naive = values.zip_with(is_iso & ~has_offset, pl.Series([None], dtype=pl.String))
    iso = _select(naive, Instant().expression(pl.col("value"), naive.dtype)).dt.replace_time_zone(None)
    made = _filled(made, _in_zone(iso, rule.zone))
    for pattern in rule.pattern:
        rest = values.zip_with(made.is_null() & ~is_iso, pl.Series([None], dtype=pl.String))
        made = _filled(made, _by_pattern(rest, pattern, rule.zone, offsets))
    return made


def _by_pattern(values: pl.Series, pattern: str, zone: str | None, offsets: Mapping[str, timedelta]) -> pl.Series:
    if pattern.endswith("%Z"):
        local = values.str.replace(_ZONE_NAME, "").str.to_datetime(
            pattern.removesuffix("%Z").rstrip(), time_unit="us", strict=False
        )
        name = values.str.extract(_ZONE_NAME, 1).str.to_uppercase()
        shift = name.replace_strict(list(offsets), list(offsets.values()), default=None, return_dtype=pl.Duration("us"))
        return (local - shift).dt.replace_time_zone("UTC")
    if "%z" in pattern:
        return values.str.to_datetime(pattern, time_unit="us", time_zone="UTC", strict=False)
    return _in_zone(values.str.to_datetime(pattern, time_unit="us", strict=False), zone)


def _in_zone(values: pl.Series, zone: str | None) -> pl.Series:
    """Naive times of a zone as instants; as they are where they are instants already, or no zone is said."""
    if zone is None or not isinstance(values.dtype, pl.Datetime) or values.dtype.time_zone is not None:
        return values
    return values.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null").dt.convert_time_zone("UTC")


def _filled(texts: pl.Series, times: pl.Series) -> pl.Series:
    """The texts, and the times spelled in ISO 8601 where there is none."""
    return texts.zip_with(texts.is_not_null(), times.dt.to_string("iso:strict"))


def _select(values: pl.Series, expression: pl.Expr) -> pl.Series:
    return pl.DataFrame({"value": values}).select(expression.alias("value")).to_series()
