"""`detect`: every flag on every row of a batch."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from quality.anomalies import closing_lines, duplicates, missing, prices, returns, stakes, times
from quality.anomalies.baseline import Baseline
from quality.anomalies.columns import require
from quality.anomalies.signs import one_per_row_and_kind
from quality.anomalies.thresholds import DEFAULT, Thresholds


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
        *prices.signs(baseline, thresholds),
        *closing_lines.signs(baseline, thresholds),
        *stakes.signs(baseline, thresholds),
        *returns.signs(baseline, thresholds),
        *times.signs(now, thresholds),
        *missing.signs(),
    ]
    found = [sign.flags(bets.lazy()) for sign in signs]
    copies = duplicates.flags(bets, others, baseline, thresholds)
    return one_per_row_and_kind(pl.concat([*found, copies]).collect())
