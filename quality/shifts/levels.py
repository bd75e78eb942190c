"""Where a column of the batch lies, and how wide, against the same of earlier bets.

Earlier bets are cut into ranges of time about as long as the batch, to see how much the column moves between them.
"""

from __future__ import annotations

import polars as pl

from quality.anomalies.baseline import robust_spread
from quality.shifts.compared import LEVELS, Level
from quality.shifts.segments import BOOK, as_shifts, in_segments

#: Like is compared with like: a day of races has other prices than a day of soccer.
COMPARED_COLUMNS = ("sport", "market", "bet_type")
#: A kind of bet, a segment, a range of time with fewer rows says nothing.
KIND_ROWS, SEGMENT_ROWS, RANGE_ROWS = 50, 100, 10
BATCH_ROWS = 10
#: With fewer ranges it is not known how much they differ.
LEAST_RANGES = 5


def level_shifts(batch: pl.DataFrame, reference: pl.DataFrame) -> list[pl.LazyFrame]:
    """SHIFTS of LEVELS: one row for each level and segment that has enough rows on both sides.

    `batch` and `reference` (accepted earlier bets) have the columns of BATCH_SCHEMA. `value` and `expected` are the
    figure of the level (see `Level.figure`) in the batch and in the reference.
    """
    # Fewer rows are too few in every segment of them.
    if batch.height < BATCH_ROWS or reference.height < SEGMENT_ROWS:
        return []
    length = range_length(batch)
    return [_shifts(level, batch, reference, length) for level in LEVELS]


def range_length(batch: pl.DataFrame) -> str:
    """The length of the ranges of time into which earlier bets are cut, as a Polars duration: 1h, 6h or 1d.

    It follows from how long a time the `known_at` of the batch spans; without rows it is 1h.
    """
    span = batch.select((pl.col("known_at").max() - pl.col("known_at").min()).dt.total_hours()).item()
    if span is None or span <= 2:
        return "1h"
    return "6h" if span <= 12 else "1d"


def _shifts(level: Level, batch: pl.DataFrame, reference: pl.DataFrame, length: str) -> pl.LazyFrame:
    value = level.scale.value.alias("value")
    now, before = (
        bets.select(*COMPARED_COLUMNS, BOOK, "known_at", value).drop_nulls("value") for bets in (batch, reference)
    )
    kinds = (
        before.group_by(COMPARED_COLUMNS)
        .agg(
            pl.len().alias("kind rows"),
            pl.col("value").median().alias("centre"),
            robust_spread(pl.col("value"), level.scale.minimum_spread).alias("spread"),
        )
        .filter(pl.col("kind rows") >= KIND_ROWS)
    )

    def residuals(bets: pl.DataFrame) -> pl.LazyFrame:
        """The bets of a kind with enough earlier bets, with `out` added.

        `out` is the distance of `value` from the `centre` of the kind in its `spread`, cut at `level.clipped_at`.
        """
        out = ((pl.col("value") - pl.col("centre")) / pl.col("spread")).clip(-level.clipped_at, level.clipped_at)
        # Both halves of `in_segments` read it, and each would work it out for itself.
        return (
            bets.join(kinds, on=COMPARED_COLUMNS, how="inner", nulls_equal=True).with_columns(out.alias("out")).lazy()
        )

    return _compared(level, residuals(now), residuals(before), length)


def _compared(level: Level, batch: pl.LazyFrame, reference: pl.LazyFrame, length: str) -> pl.LazyFrame:
    earlier = in_segments(reference).with_columns(pl.col("known_at").dt.truncate(length).alias("range"))
    now = in_segments(batch).group_by("segment").agg(pl.len().alias("rows"), level.figure.alias("value"))
    before = earlier.group_by("segment").agg(pl.len().alias("reference_rows"), level.figure.alias("expected"))
    ranges = (
        earlier.group_by("segment", "range")
        .agg(pl.len().alias("range rows"), level.figure.alias("figure"))
        .filter(pl.col("range rows") >= RANGE_ROWS)
        .group_by("segment")
        .agg(pl.len().alias("ranges"), robust_spread(pl.col("figure"), level.least).alias("between"))
    )
    between = pl.when(pl.col("ranges") >= LEAST_RANGES).then("between").otherwise(level.unknown)
    # A spread is about one, so the mean of n has this variance; so, nearly, has the log of the mean distance.
    noise = 1 / pl.col("rows")
    moved = pl.col("value") - pl.col("expected")
    score = (moved if level.side == "excess" else moved.abs()) / (between**2 + noise).sqrt()
    found = (
        now.filter(pl.col("rows") >= BATCH_ROWS)
        .join(before.filter(pl.col("reference_rows") >= SEGMENT_ROWS), on="segment", nulls_equal=True)
        .join(ranges, on="segment", how="left", nulls_equal=True)
        .with_columns(score.alias("score"))
    )
    return as_shifts(level.test, found, _says(level))


def _says(level: Level) -> pl.Expr:
    moved = pl.col("value") - pl.col("expected")
    if level.side == "middle":
        return pl.format("{} moved by {} of their spread", pl.lit(level.what), moved.round(2))
    return pl.format("{} lie {} times as far out as earlier ones", pl.lit(level.what), moved.exp().round(2))
