"""clv_outlier: closing line values that are far out, or are not what the two prices give."""

from __future__ import annotations

import polars as pl

from quality.anomalies.baseline import Baseline
from quality.anomalies.flags import FlagRule, milder, unlike_its_book, where
from quality.anomalies.relations import RELATIONS
from quality.anomalies.scales import SCALES, closing
from quality.anomalies.thresholds import Thresholds

CLV_OUTLIER = "clv_outlier"
# The two prices say the same: the line moved that far.
_CONFIRMED = ~RELATIONS["clv_relation"].fill_null(True)


def closing_line_flags(baseline: Baseline, thresholds: Thresholds) -> list[FlagRule]:
    """What can be odd about a closing line value."""
    return [_extreme(thresholds), _unusual(baseline, thresholds), _contradicted(baseline, thresholds)]


def _extreme(thresholds: Thresholds) -> FlagRule:
    reach = closing.abs()
    severity = where(reach > thresholds.clv_medium, where(reach > thresholds.clv_high, "high").fill_null("medium"))
    return FlagRule(
        CLV_OUTLIER,
        milder(severity, "medium", _CONFIRMED),
        pl.format("CLV of {}% is beyond ±{}%", closing.round(2), thresholds.clv_medium),
        closing,
        pl.lit(-thresholds.clv_medium),
        pl.lit(thresholds.clv_medium),
    )


def _unusual(baseline: Baseline, thresholds: Thresholds) -> FlagRule:
    centre, spread = (baseline.middle("clv_percentage", figure) for figure in ("centre", "spread"))
    score = (SCALES["clv_percentage"].value - centre).abs() / spread
    reach = thresholds.clv_z * spread
    return FlagRule(
        CLV_OUTLIER,
        milder(where(score > thresholds.clv_z, "medium"), "low", _CONFIRMED),
        pl.format(
            "CLV of {}% is {} robust deviations from the middle of earlier bets", closing.round(2), score.round(1)
        ),
        closing,
        100 * ((centre - reach).exp() - 1),
        100 * ((centre + reach).exp() - 1),
    )


def _contradicted(baseline: Baseline, thresholds: Thresholds) -> FlagRule:
    broken = RELATIONS["clv_relation"]
    return FlagRule(
        CLV_OUTLIER,
        unlike_its_book(broken, "clv_relation", baseline, thresholds, new="medium"),
        pl.format(
            "CLV of {}% is not the gain of {} over {}",
            closing.round(2),
            pl.col("american_odds"),
            pl.col("clv_current_odds").round(1),
        ),
        closing,
    )
