"""roi_outlier: bets that returned what their price does not pay, or where no price is known, far more than others; and
bets that were won at a net loss.
"""

from __future__ import annotations

import polars as pl

from feature_repo.bets.bet_status import BetStatus
from quality.anomalies.baseline import Baseline
from quality.anomalies.flags import FlagRule, milder, unlike_its_book, where
from quality.anomalies.relations import RELATIONS, is_dead_heat, roi, status
from quality.anomalies.scales import SCALES, payout, price
from quality.anomalies.thresholds import Thresholds

ROI_OUTLIER = "roi_outlier"


def return_flags(baseline: Baseline, thresholds: Thresholds) -> list[FlagRule]:
    """What can be odd about a return."""
    return [_not_the_price(baseline, thresholds), _unusual(baseline, thresholds), _won_at_a_loss()]


def _not_the_price(baseline: Baseline, thresholds: Thresholds) -> FlagRule:
    pays = payout(price)
    severity = unlike_its_book(RELATIONS["payout"], "payout", baseline, thresholds, new="high")
    nearly = (roi - pays).abs() <= thresholds.payout_slack * pays
    return FlagRule(
        ROI_OUTLIER,
        milder(severity, "medium", nearly | is_dead_heat()),
        pl.format("{} returned {}%, and a price of {} pays {}%", pl.col("status"), roi.round(2), price, pays.round(2)),
        roi,
        pl.lit(-100.0),
        pays,
    )


def _unusual(baseline: Baseline, thresholds: Thresholds) -> FlagRule:
    centre, spread = (baseline.middle("roi", figure) for figure in ("centre", "spread"))
    score = (SCALES["roi"].value - centre).abs() / spread
    reach = thresholds.roi_z * spread
    # A price explains the return, whatever it is.
    return FlagRule(
        ROI_OUTLIER,
        where(price.is_null() & (score > thresholds.roi_z), "medium"),
        pl.format("a win returned {}%, {} robust deviations from the middle of wins", roi.round(2), score.round(1)),
        roi,
        100 * ((centre - reach).exp() - 1),
        100 * ((centre + reach).exp() - 1),
    )


def _won_at_a_loss() -> FlagRule:
    """A dead heat, or a bet of several legs of which too few were won: real, and rare enough to be looked at."""
    return FlagRule(
        ROI_OUTLIER,
        where((status == BetStatus.WIN) & (pl.col("profit_cents") < 0), "low"),
        pl.format("a win that cost {}% of its stake", (-roi).round(2)),
        roi,
    )
