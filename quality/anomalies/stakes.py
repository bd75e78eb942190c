"""amount_outlier: stakes below 0, above the limit, or far from what is staked otherwise.

Free bets and lost bonus bets are only noted.
"""

from __future__ import annotations

import polars as pl

from quality.anomalies.baseline import Baseline
from quality.anomalies.flags import FlagRule, milder, where
from quality.anomalies.relations import LOST_BONUS_BET
from quality.anomalies.scales import SCALES, stake
from quality.anomalies.thresholds import Thresholds

AMOUNT_OUTLIER = "amount_outlier"
_DOLLARS = stake / 100


def stake_flags(baseline: Baseline, thresholds: Thresholds) -> list[FlagRule]:
    """What can be odd about a stake."""
    return [_negative(), _free(), _bonus(), _large(thresholds), _unusual(baseline, thresholds)]


def _negative() -> FlagRule:
    return FlagRule(
        AMOUNT_OUTLIER, where(stake < 0, "critical"), pl.format("a stake of ${}", _DOLLARS), _DOLLARS, pl.lit(0.0)
    )


def _free() -> FlagRule:
    return FlagRule(AMOUNT_OUTLIER, where(stake == 0, "low"), pl.lit("a stake of 0: a free bet"), _DOLLARS)


def _bonus() -> FlagRule:
    says = pl.format("a loss of ${} that cost nothing: a lost bonus bet, without a stake at risk", _DOLLARS)
    return FlagRule(AMOUNT_OUTLIER, where((stake > 0) & LOST_BONUS_BET, "low"), says, _DOLLARS)


def _large(thresholds: Thresholds) -> FlagRule:
    return FlagRule(
        AMOUNT_OUTLIER,
        where(stake > 100 * thresholds.amount_limit, "high"),
        pl.format("a stake of ${} is above ${}", _DOLLARS, thresholds.amount_limit),
        _DOLLARS,
        pl.lit(0.0),
        pl.lit(thresholds.amount_limit),
    )


def _unusual(baseline: Baseline, thresholds: Thresholds) -> FlagRule:
    centre, spread = (baseline.middle("amount", figure) for figure in ("centre", "spread"))
    score = (SCALES["amount"].value - centre).abs() / spread
    reach = thresholds.amount_z * spread
    severity = where(score > thresholds.amount_z, where(score >= thresholds.high_z, "high").fill_null("medium"))
    return FlagRule(
        AMOUNT_OUTLIER,
        milder(severity, "medium", ~baseline.has_own("amount")),
        pl.format(
            "a stake of ${} is {} robust deviations from ${}, the middle of earlier bets",
            _DOLLARS,
            score.round(1),
            centre.exp().round(2),
        ),
        _DOLLARS,
        (centre - reach).exp(),
        (centre + reach).exp(),
    )
