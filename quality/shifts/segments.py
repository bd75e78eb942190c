"""The segments in which every test looks, all bets and each book, and the rows that tests give back."""

from __future__ import annotations

from typing import TypeVar

import polars as pl

from quality.evidence import SHIFTS

_Frame = TypeVar("_Frame", pl.DataFrame, pl.LazyFrame)

BOOK = "institution_name"
#: The name under which all bets together are counted.
ALL = pl.lit(None, pl.String)
#: No score is larger: one that cannot be told from certainty is this.
CERTAIN = 40.0


def in_segments(bets: _Frame) -> _Frame:
    """The bets with the text column `segment`: first all with null, then those with a book once more with the book.

    Within each half they are in the order of `bets`, which must have institution_name.
    """
    named = bets.filter(pl.col(BOOK).is_not_null())
    return pl.concat([bets.with_columns(ALL.alias("segment")), named.with_columns(pl.col(BOOK).alias("segment"))])


def as_shifts(test: str, found: pl.LazyFrame, description: pl.Expr) -> pl.LazyFrame:
    """SHIFTS of one test from a frame with segment, rows, reference_rows, value, expected and score, in its order.

    Scores are robust standard deviations, cut to 0..CERTAIN; rows whose score is null or NaN are left out.
    `description` is evaluated over the frame.
    """
    score = pl.col("score").clip(0, CERTAIN)
    judged = found.filter(pl.col("score").is_not_null() & pl.col("score").is_not_nan()).with_columns(score)
    return judged.select(
        pl.lit(test).alias("test"),
        pl.when(pl.col("segment").is_not_null()).then(pl.lit(BOOK)).alias("segment_column"),
        "segment",
        "rows",
        "reference_rows",
        "value",
        "expected",
        "score",
        description.alias("description"),
    ).cast(SHIFTS)
