"""What earlier accepted bets look like: the middle and spread of each scale, and how often books break relations."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from quality.anomalies.columns import require
from quality.anomalies.relations import RELATIONS, with_copies
from quality.anomalies.scales import SCALES

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

    middles: pl.DataFrame  # MIDDLES
    habits: pl.DataFrame  # HABITS; institution_name null: over all

    @classmethod
    def of(cls, accepted: pl.DataFrame) -> Baseline:
        """The baseline of accepted bets: a frame with at least the columns of BATCH_SCHEMA, one row per bet, any order.

        Raises KeyError where a column is missing and TypeError where one has another type.
        """
        bets = require(accepted, "the baseline")
        return cls(_middles(bets), habits(with_copies(bets)))

    def share_broken(self, relation: str) -> pl.Expr:
        """For each row: in which share of its book's earlier bets the relation did not hold; null if unknown."""
        known = self.habits.filter((pl.col("relation") == relation) & (pl.col("rows") >= MINIMUM_ROWS))
        shares = dict(known.select("institution_name", pl.col("broken") / pl.col("rows")).iter_rows())
        over_all = shares.pop(None, None)
        return _looked_up("institution_name", shares, over_all)

    def middle(self, scale: str, figure: str) -> pl.Expr:
        """For each row: the figure of its bet type, else of all; null if there were too few rows."""
        known = self.middles.filter(pl.col("scale") == scale)
        figures = dict(known.select("bet_type", figure).iter_rows())
        over_all = figures.pop(None, None)
        return _looked_up("bet_type", figures, over_all)

    def has_own(self, scale: str) -> pl.Expr:
        """For each row: whether its own bet type had enough rows."""
        known = self.middles.filter((pl.col("scale") == scale) & pl.col("bet_type").is_not_null())
        return pl.col("bet_type").is_in(known["bet_type"].to_list()).fill_null(False)


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


def habits(bets: pl.DataFrame) -> pl.DataFrame:
    """How often each relation was judged and broken: HABITS, one row per relation and book, and one over all books.

    `bets` has the columns of BATCH_SCHEMA and COPY. `rows` counts the bets for which the relation can be judged; bets
    without a book count only in the row over all, whose institution_name is null. In the order of RELATIONS, the row
    over all first, then the books in the order of the bets.
    """
    broken = bets.select("institution_name", *(rule.alias(name) for name, rule in RELATIONS.items()))
    over_all = broken.with_columns(pl.lit(None, pl.String).alias("institution_name"))
    named = broken.filter(pl.col("institution_name").is_not_null())
    return pl.concat(
        rows.group_by("institution_name", maintain_order=True)
        .agg(pl.col(name).count().alias("rows"), pl.col(name).sum().alias("broken"))
        .select(pl.lit(name).alias("relation"), "institution_name", "rows", "broken")
        .cast(HABITS)
        for name in RELATIONS
        for rows in (over_all, named)
    )


def _middles(bets: pl.DataFrame) -> pl.DataFrame:
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
    return pl.concat(found).filter(pl.col("rows") >= MINIMUM_ROWS).cast(MIDDLES)


def _looked_up(column: str, values: dict[str, float], default: float | None) -> pl.Expr:
    if not values:
        return pl.lit(default, pl.Float64)
    return pl.col(column).replace_strict(values, default=default, return_dtype=pl.Float64)
