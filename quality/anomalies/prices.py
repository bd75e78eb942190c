"""odds_outlier: prices that no bet has, that few bets have, or that are in another format."""

from __future__ import annotations

import polars as pl

from quality.anomalies.baseline import Baseline
from quality.anomalies.flags import FlagRule, milder, unlike_its_book, where
from quality.anomalies.relations import RELATIONS
from quality.anomalies.scales import SCALES, american_price, price
from quality.anomalies.thresholds import Thresholds

ODDS_OUTLIER = "odds_outlier"


def price_flags(baseline: Baseline, thresholds: Thresholds) -> list[FlagRule]:
    """What can be odd about a price."""
    return [_impossible(), _unusual(baseline, thresholds), _other_format(baseline, thresholds)]


def _impossible() -> FlagRule:
    return FlagRule(
        ODDS_OUTLIER,
        where(price.abs() < 100, "critical"),
        pl.format("american_odds {} lies inside (-100, 100), where no price does", price),
        price,
    )


def _unusual(baseline: Baseline, thresholds: Thresholds) -> FlagRule:
    value = SCALES["american_odds"].value
    centre, spread, first, third = (
        baseline.middle("american_odds", figure) for figure in ("centre", "spread", "first_quartile", "third_quartile")
    )
    score = (value - centre).abs() / spread
    # A quarter of the rows may share one price, so the range is not taken for less than the spread says.
    fence = thresholds.iqr_multiplier * pl.max_horizontal(third - first, 1.349 * spread)
    is_odd = (score > thresholds.odds_z) | (value < first - fence) | (value > third + fence)
    severity = where(is_odd, where(score >= thresholds.high_z, "high").fill_null("medium"))
    reach = thresholds.odds_z * spread
    return FlagRule(
        ODDS_OUTLIER,
        milder(severity, "medium", ~baseline.has_own("american_odds")),
        pl.format(
            "a price of {} is {} robust deviations from {}, the middle of earlier bets",
            price,
            score.round(1),
            american_price(centre).cast(pl.Int64),
        ),
        price,
        # Log-odds fall as the price that is paid rises.
        american_price(centre + reach),
        american_price(centre - reach),
    )


def _other_format(baseline: Baseline, thresholds: Thresholds) -> FlagRule:
    broken = RELATIONS["odds_format"]
    return FlagRule(
        ODDS_OUTLIER,
        unlike_its_book(broken, "odds_format", baseline, thresholds, new="medium"),
        pl.format("odds {} is not the American price {}: another format", pl.col("odds").round(4), price),
        pl.col("odds"),
        price,
        price,
    )
