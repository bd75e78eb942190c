"""`detect`: every flag on every row of a batch."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from quality.anomalies import duplicates
from quality.anomalies.baseline import Baseline
from quality.anomalies.closing_lines import closing_line_flags
from quality.anomalies.columns import require
from quality.anomalies.flags import one_per_row_and_kind
from quality.anomalies.missing import missing_flags
from quality.anomalies.prices import price_flags
from quality.anomalies.returns import return_flags
from quality.anomalies.stakes import stake_flags
from quality.anomalies.thresholds import DEFAULT, Thresholds
from quality.anomalies.times import time_flags
from quality.collected import collected


def detect(
    batch: pl.DataFrame,
    baseline: Baseline,
    neighbours: pl.DataFrame,
    now: datetime,
    thresholds: Thresholds = DEFAULT,
) -> pl.DataFrame:
    """The anomalies of a batch as of the aware instant `now`: one row per (seq, kind), in the columns of ANOMALIES.

    `neighbours` are accepted earlier bets placed in the same seconds. Raises KeyError or TypeError naming the columns
    of either frame that are missing or of another type, ValueError for a naive `now`.
    """
    if now.tzinfo is None:
        raise ValueError("now must carry its time zone")
    bets, others = require(batch, "the batch"), require(neighbours, "neighbours")
    signs = [
        *price_flags(baseline, thresholds),
        *closing_line_flags(baseline, thresholds),
        *stake_flags(baseline, thresholds),
        *return_flags(baseline, thresholds),
        *time_flags(now, thresholds),
        *missing_flags(),
    ]
    found = [sign.flags(bets.lazy()) for sign in signs]
    copies = duplicates.flags(bets, others, baseline, thresholds)
    return one_per_row_and_kind(collected(pl.concat([*found, copies])))
