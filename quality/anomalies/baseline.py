"""What earlier accepted bets look like: the middle and spread of each scale, and how often books break relations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from quality.anomalies.columns import require
from quality.anomalies.relations import RELATIONS, with_copies
from quality.anomalies.scales import SCALES
from quality.collected import collected

#: A bet type, or a book, with fewer rows is judged by all of them; and nothing is judged by fewer rows than this.
MINIMUM_ROWS = 100

MIDDLES = pl.Schema(
    {
        "scale": pl.String(),
        "bet_type": pl.String(),  # null: over all
        "rows": pl.Int64(),
        "centre": pl.Float64(),
        "spread": pl.Float64(),
        "first_quartile": pl.Float64(),
        "third_quartile": pl.Float64(),
    }
)
HABITS = pl.Schema({"relation": pl.String(), "institution_name": pl.String(), "rows": pl.Int64(), "broken": pl.Int64()})


@dataclass(frozen=True)
class Baseline:
    """Made by `Baseline.of`. Without rows it holds nothing, and then only absolute limits are judged."""

    bets: pl.DataFrame  # BATCH_SCHEMA
    middles: pl.DataFrame  # MIDDLES
    habits: pl.DataFrame  # HABITS; institution_name null: over all

    @classmethod
    def of(cls, accepted: pl.DataFrame) -> Baseline:
        """The baseline of accepted bets: a frame with at least the columns of BATCH_SCHEMA, one row per bet, any order.

        Raises KeyError where a column is missing and TypeError where one has another type.
        """
        bets = require(accepted, "the baseline")
        return cls(bets, _middles(bets.lazy()), habits(with_copies(bets.lazy())))

    def share_broken(self, relation: str) -> pl.Expr:
        """For each row: in which share of its book's earlier bets the relation did not hold; null if unknown."""
        shares = {
            book: broken / rows
            for name, book, rows, broken in self.habits.iter_rows()
            if name == relation and rows >= MINIMUM_ROWS
        }
        over_all = shares.pop(None, None)
        return _looked_up("institution_name", shares, over_all)

    def middle(self, scale: str, figure: str) -> pl.Expr:
        """For each row: the figure of its bet type, else of all; null if there were too few rows."""
        figures = {row["bet_type"]: row[figure] for row in self._middles_of(scale)}
        over_all = figures.pop(None, None)
        return _looked_up("bet_type", figures, over_all)

    def has_own(self, scale: str) -> pl.Expr:
        """For each row: whether its own bet type had enough rows."""
        known = [row["bet_type"] for row in self._middles_of(scale) if row["bet_type"] is not None]
        return pl.col("bet_type").is_in(known).fill_null(False)

    def _middles_of(self, scale: str) -> Iterator[dict[str, Any]]:
        return (row for row in self.middles.iter_rows(named=True) if row["scale"] == scale)


def robust_spread(values: pl.Expr, minimum: float) -> pl.Expr:
    """The larger of the scaled median deviation and the scaled interquartile range, and never below the minimum."""
    deviation = 1.4826 * (values - values.median()).abs().median()
    quartiles = (values.quantile(0.75) - values.quantile(0.25)) / 1.349
    return pl.max_horizontal(deviation, quartiles, pl.lit(minimum))


def tolerant_spread(values: pl.Expr, minimum: float) -> pl.Expr:
    """`robust_spread`, and never below what the middle 98 % say.

    Prices pile up at -110 and have long tails on both sides: a tail that one bet in a hundred reaches is no anomaly.
    """
    range_of_98_percent = (values.quantile(0.99) - values.quantile(0.01)) / (2 * 2.326)
    return pl.max_horizontal(robust_spread(values, minimum), range_of_98_percent)


def habits(bets: pl.LazyFrame) -> pl.DataFrame:
    """How often each relation was judged and broken: HABITS, one row per relation and book, and one over all books.

    `bets` has the columns of BATCH_SCHEMA and COPY. `rows` counts the bets for which the relation can be judged; bets
    without a book count only in the row over all, whose institution_name is null. In the order of RELATIONS, the row
    over all first, then the books in the order of the bets.
    """
    broken = bets.select("institution_name", *(rule.alias(name) for name, rule in RELATIONS.items()))
    over_all = broken.with_columns(pl.lit(None, pl.String).alias("institution_name"))
    named = broken.filter(pl.col("institution_name").is_not_null())
    judged = [
        pl.struct(pl.col(name).count().alias("rows"), pl.col(name).sum().alias("broken")).alias(name)
        for name in RELATIONS
    ]
    counts = collected(pl.concat([over_all, named]).group_by("institution_name", maintain_order=True).agg(judged))
    return pl.DataFrame(
        [
            (name, book, both["rows"], both["broken"])
            for name in RELATIONS
            for book, both in counts.select("institution_name", name).iter_rows()
        ],
        HABITS,
        orient="row",
    )


def _middles(bets: pl.LazyFrame) -> pl.DataFrame:
    value = pl.col("value")
    figures = (
        pl.len().alias("rows"),
        value.median().alias("centre"),
        value.quantile(0.25).alias("first_quartile"),
        value.quantile(0.75).alias("third_quartile"),
    )
    found = []
    for name, scale in SCALES.items():
        typed = bets.select("bet_type", scale.value.alias("value")).drop_nulls("value")
        for rows in (typed.with_columns(pl.lit(None, pl.String).alias("bet_type")), typed.drop_nulls("bet_type")):
            spread = tolerant_spread(value, scale.minimum_spread).alias("spread")
            found.append(
                rows.group_by("bet_type").agg(*figures, spread).select(pl.lit(name).alias("scale"), *list(MIDDLES)[1:])
            )
    return collected(pl.concat(found).filter(pl.col("rows") >= MINIMUM_ROWS).cast(MIDDLES))


def _looked_up(column: str, values: dict[str, float], default: float | None) -> pl.Expr:
    if not values:
        return pl.lit(default, pl.Float64)
    return pl.col(column).replace_strict(values, default=default, return_dtype=pl.Float64)
