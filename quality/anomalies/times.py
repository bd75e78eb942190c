"""temporal_anomaly: times past the clock, from long ago, or in the wrong order."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from quality.anomalies.flags import FlagRule, where
from quality.anomalies.thresholds import Thresholds
from quality.schema.rules import TWO_CLOCKS

TEMPORAL_ANOMALY = "temporal_anomaly"
_TIMES = ("created_at", "updated_at", "time_placed", "settled_at")


def time_flags(now: datetime, thresholds: Thresholds) -> list[FlagRule]:
    """What can be odd about the times of a bet, as of the aware instant `now`."""
    future = [_future(column, now, thresholds) for column in _TIMES]
    old = [_old(column, now, thresholds) for column in ("created_at", "time_placed")]
    # A time_placed that the source did not send is created_at, which may come after the settlement; and two clocks that
    # write both may differ.
    is_explained = (pl.col("time_placed") == pl.col("created_at")) | (
        pl.col("time_placed") - TWO_CLOCKS <= pl.col("settled_at")
    )
    return [
        *future,
        *old,
        _inverted("time_placed", "settled_at", pl.when(is_explained).then(pl.lit("low")).otherwise(pl.lit("high"))),
        _inverted("created_at", "updated_at", pl.lit("high")),
    ]


def _future(column: str, now: datetime, thresholds: Thresholds) -> FlagRule:
    return FlagRule(
        TEMPORAL_ANOMALY,
        where(pl.col(column) > now + thresholds.tolerance, "critical"),
        pl.format("{} {} is past the clock", pl.lit(column), _text(column)),
    )


def _old(column: str, now: datetime, thresholds: Thresholds) -> FlagRule:
    return FlagRule(
        TEMPORAL_ANOMALY,
        where(pl.col(column) < now - thresholds.oldest, "medium"),
        pl.format("{} {} is more than {} days ago", pl.lit(column), _text(column), thresholds.oldest.days),
    )


def _inverted(first: str, then: str, severity: pl.Expr) -> FlagRule:
    return FlagRule(
        TEMPORAL_ANOMALY,
        where(pl.col(first) > pl.col(then), severity),
        pl.format("{} {} is after {} {}", pl.lit(first), _text(first), pl.lit(then), _text(then)),
    )


def _text(column: str) -> pl.Expr:
    return pl.col(column).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
