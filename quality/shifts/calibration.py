"""Whether outcomes follow prices. Prices that belong to other bets, such as home and away swapped, do not."""

from __future__ import annotations

import polars as pl

from feature_repo.bets.bet_types import BetType
from feature_repo.bets.odds import implied_probability_expression
from quality.anomalies.scales import log_odds, price
from quality.shifts.segments import as_shifts, in_segments

CALIBRATION_TESTS = ("calibration", "calibration_recent", "win_rate_level")
#: Bets of one event win and lose together, so that few events say little however many bets they carry.
EVENT = ("sport", "league", "settled_at")
BATCH_ROWS, EVENTS = 50, 10
RECENT_ROWS = 200
#: Graded bets do not say which event they are on. Books share events, so there is no telling for all of them together,
#: and within a book as many bets are taken to hang together.
SHARED = 2.0
#: How far win rates may honestly lie from what prices imply: margins below, and skill above.
LOWEST, HIGHEST = -0.12, 0.08
#: How much of its win rate a bet may honestly lose per unit of log-odds against its price: margins differ between short
#: and long prices. The real books lose 0.06 at most; one whose prices are swapped loses 0.37. Without such a limit a
#: large enough load fails by the margins alone.
FLATTEST = -0.08


def calibration_shifts(batch: pl.DataFrame, graded: pl.DataFrame) -> list[pl.LazyFrame]:
    """SHIFTS of CALIBRATION_TESTS: one row for each test and segment with enough graded straight bets and events.

    `batch` has the columns of BATCH_SCHEMA and `graded` those of GRADED. `calibration_recent` reads `graded` and has
    rows for books only; the two other tests read `batch`.
    """
    found = []
    # Fewer rows are too few in every segment of them.
    if batch.height >= BATCH_ROWS:
        settled = pl.col("settled_at").is_not_null()
        event = pl.when(settled).then(pl.struct(EVENT).rank("dense")).otherwise(-pl.int_range(pl.len())).cast(pl.Int64)
        of_batch = _per_segment(_surprises(batch.with_columns(event.alias("event"))), BATCH_ROWS)
        found += [_slope("calibration", of_batch), _win_rate(of_batch)]
    if graded.height >= RECENT_ROWS:
        of_graded = _surprises(graded.with_columns(pl.int_range(pl.len()).alias("event")))
        of_books = _per_segment(of_graded, RECENT_ROWS).filter(pl.col("segment").is_not_null())
        found.append(_slope("calibration_recent", of_books, SHARED))
    return found


def _surprises(bets: pl.DataFrame) -> pl.DataFrame:
    """Graded straight bets with their probability, their outcome against it, and how short their price is."""
    graded = pl.col("is_win").is_not_null() & (pl.col("bet_type") == BetType.STRAIGHT) & (price.abs() >= 100)
    return bets.filter(graded).select(
        "institution_name",
        "event",
        implied_probability_expression(price).alias("p"),
        (pl.col("is_win").cast(pl.Float64) - implied_probability_expression(price)).alias("surprise"),
        log_odds(price).clip(-3, 3).alias("shortness"),
    )


def _per_segment(bets: pl.DataFrame, least_rows: int) -> pl.DataFrame:
    """Per segment: surprise, and surprise along shortness, summed; and the larger of two estimates of their variance.

    One takes bets as independent, the other events.
    """
    x = pl.col("shortness") - pl.col("shortness").mean().over("segment")
    variance = pl.col("p") * (1 - pl.col("p"))
    events = (
        in_segments(bets)
        .with_columns(x.alias("x"))
        .group_by("segment", "event")
        .agg(
            pl.len().alias("rows"),
            pl.col("surprise").sum().alias("won"),
            (pl.col("surprise") * pl.col("x")).sum().alias("followed"),
            (pl.col("x") ** 2).sum().alias("squares"),
            variance.sum().alias("won variance"),
            (variance * pl.col("x") ** 2).sum().alias("followed variance"),
        )
    )
    return (
        events.group_by("segment")
        .agg(
            pl.col("rows").sum(),
            pl.len().alias("events"),
            pl.col("won", "followed", "squares").sum(),
            *(
                pl.max_horizontal(pl.col(f"{name} variance").sum(), pl.len() * pl.col(name).var())
                .sqrt()
                .alias(f"{name} deviation")
                for name in ("won", "followed")
            ),
            pl.lit(0, pl.Int64).alias("reference_rows"),
        )
        .filter((pl.col("rows") >= least_rows) & (pl.col("events") >= EVENTS))
    )


def _slope(test: str, found: pl.DataFrame, shared: float = 1.0) -> pl.LazyFrame:
    beyond = FLATTEST * pl.col("squares") - pl.col("followed")
    scored = found.with_columns(
        (pl.col("followed") / pl.col("squares")).alias("value"),
        pl.lit(0.0).alias("expected"),
        (beyond / (pl.col("followed deviation") * shared**0.5)).alias("score"),
    )
    told = "the win rate less what prices imply moves by {} per unit of log-odds towards shorter prices"
    return as_shifts(test, scored.lazy(), pl.format(told, pl.col("value").round(3)))


def _win_rate(found: pl.DataFrame) -> pl.LazyFrame:
    over, under = pl.col("won") - HIGHEST * pl.col("rows"), LOWEST * pl.col("rows") - pl.col("won")
    scored = found.with_columns(
        (pl.col("won") / pl.col("rows")).alias("value"),
        pl.lit(0.0).alias("expected"),
        (pl.max_horizontal(over, under) / pl.col("won deviation")).alias("score"),
    )
    return as_shifts("win_rate_level", scored.lazy(), pl.format("win rate less implied {}", pl.col("value").round(3)))
