"""Sports and books that kept coming and have paused for longer than ever before."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from quality.evidence import INSTANT_TYPE, SHIFTS

#: What has not been there for as long, or brought fewer bets, has no habit of coming yet.
LEAST_TIME, LEAST_ROWS = timedelta(days=7), 30
#: After as long it is over, and everybody knows.
OVER = timedelta(days=30)

ARRIVAL_TESTS = {"sport_arrivals": "sport", "book_arrivals": "institution_name"}


def arrival_shifts(batch: pl.DataFrame, reference: pl.DataFrame) -> list[pl.LazyFrame]:
    """SHIFTS of ARRIVAL_TESTS, one row for each sport and book with a habit: its pause up to now over its longest one.

    A pause is measured in time and in bets of others that came meanwhile, and the lower of the two ratios counts: days
    are uneven, and a quiet week is no pause of anything.
    """
    columns = ["known_at", "seq", *ARRIVAL_TESTS.values()]
    both = pl.concat([reference.select(columns), batch.select(columns)])
    # Fewer bets are no habit of anything.
    if both.height < LEAST_ROWS:
        return []
    log = both.lazy().sort("known_at", "seq").with_row_index("at")
    newest = pl.lit(both["known_at"].max(), INSTANT_TYPE)
    return [_shifts(test, column, log, newest, both.height, batch.height) for test, column in ARRIVAL_TESTS.items()]


def _shifts(test: str, column: str, log: pl.LazyFrame, newest: pl.Expr, length: int, rows: int) -> pl.LazyFrame:
    since = pl.col("known_at").max()
    pauses = (
        log.filter(pl.col(column).is_not_null())
        .group_by(column)
        .agg(
            pl.len().alias("reference_rows"),
            (since - pl.col("known_at").min()).alias("known for"),
            (newest - since).alias("pause"),
            pl.col("known_at").diff().max().alias("longest pause"),
            (length - 1 - pl.col("at").max().cast(pl.Int64)).alias("others"),
            (pl.col("at").cast(pl.Int64).diff().max() - 1).alias("most others"),
        )
        .filter(
            (pl.col("reference_rows") >= LEAST_ROWS) & (pl.col("known for") >= LEAST_TIME) & (pl.col("pause") <= OVER)
        )
    )
    in_time = pl.col("pause").dt.total_seconds() / pl.col("longest pause").dt.total_seconds().clip(1)
    in_bets = pl.col("others") / pl.col("most others").clip(1)
    days = 86_400.0
    return pauses.select(
        pl.lit(test).alias("test"),
        pl.lit(column).alias("segment_column"),
        pl.col(column).alias("segment"),
        pl.lit(rows).alias("rows"),
        "reference_rows",
        (pl.col("pause").dt.total_seconds() / days).alias("value"),
        (pl.col("longest pause").dt.total_seconds() / days).alias("expected"),
        pl.min_horizontal(in_time, in_bets).alias("score"),
        pl.format(
            "nothing for {} days while {} others came; the longest pause was {} days",
            (pl.col("pause").dt.total_seconds() / days).round(1),
            "others",
            (pl.col("longest pause").dt.total_seconds() / days).round(1),
        ).alias("description"),
    ).cast(SHIFTS)
