"""Relations between columns that a book kept so far, and breaks in the batch; and bets that were there before."""

from __future__ import annotations

import polars as pl
from scipy.stats import binom, norm

from quality.anomalies.baseline import MINIMUM_ROWS, habits
from quality.anomalies.duplicates import marked
from quality.anomalies.relations import with_copies
from quality.shifts.segments import as_shifts

#: One break in a hundred is expected even of a book that never broke it.
LEAST_SHARE = 0.01
#: What is expected where nothing is known yet. The others depend on what a source means by its columns.
LAWS = ("payout", "duplicate_share")
WORDS = {
    "payout": "graded bets that returned what their price does not pay",
    "clv_relation": "bets whose CLV is not the gain of the price taken over the price now",
    "odds_format": "bets whose odds are not in American format",
    "duplicate_share": "bets that stand under another id too",
}


def habit_shifts(batch: pl.DataFrame, reference: pl.DataFrame) -> pl.DataFrame:
    """SHIFTS of relations: one row for each relation and segment in which it can be judged, in the order of WORDS.

    `batch` and `reference` (accepted earlier bets) have the columns of BATCH_SCHEMA. `value` is the share of bets of
    the batch that break the relation, `expected` that of the earlier bets of the book (of all, where the book is new),
    and at least LEAST_SHARE.
    """
    now = habits(marked(batch, reference))
    before = habits(with_copies(reference)).rename({"rows": "reference_rows", "broken": "broken before"})
    known = before.filter(pl.col("reference_rows") >= MINIMUM_ROWS)
    over_all = known.filter(pl.col("institution_name").is_null()).drop("institution_name")
    # A book that is new is held against all others.
    own = now.join(known, on=["relation", "institution_name"], how="left", nulls_equal=True)
    found = own.join(over_all, on="relation", how="left", suffix=" of all").with_columns(
        pl.coalesce(column, f"{column} of all").alias(column) for column in ("reference_rows", "broken before")
    )
    return pl.concat(_shifts(name, found.filter(pl.col("relation") == name)) for name in WORDS)


def _shifts(name: str, found: pl.DataFrame) -> pl.DataFrame:
    if name not in LAWS:
        found = found.filter(pl.col("reference_rows").is_not_null())
    found = found.filter(pl.col("rows") > 0).with_columns(
        pl.col("reference_rows", "broken before").fill_null(0), pl.col("institution_name").alias("segment")
    )
    share = (pl.col("broken before") / pl.col("reference_rows")).fill_nan(0)
    scored = found.with_columns(
        (pl.col("broken") / pl.col("rows")).alias("value"), share.clip(LEAST_SHARE).alias("expected")
    )
    tail = binom.sf(scored["broken"].to_numpy() - 1, scored["rows"].to_numpy(), scored["expected"].to_numpy())
    scored = scored.with_columns(pl.Series("score", norm.isf(tail), pl.Float64))
    says = pl.format("{} of {} {}", pl.col("broken"), pl.col("rows"), pl.lit(WORDS[name]))
    return as_shifts(name, scored, says)
