"""Relations between columns that a book kept so far, and breaks in the batch; and bets that were there before."""

from __future__ import annotations

import polars as pl
from scipy.stats import binom, norm

from quality.anomalies.baseline import MINIMUM_ROWS, Baseline, habits
from quality.anomalies.duplicates import marked
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
#: Of as many earlier bets, so many broke a relation of which nothing is known.
NOTHING = (0, 0)
FOUND = pl.Schema(
    {"segment": pl.String(), **dict.fromkeys(("rows", "broken", "reference_rows", "broken before"), pl.Int64())}
)


def habit_shifts(batch: pl.DataFrame, baseline: Baseline) -> list[pl.LazyFrame]:
    """SHIFTS of relations: one row for each relation and segment in which it can be judged.

    `batch` has the columns of BATCH_SCHEMA. `value` is the share of bets of the batch that break the relation,
    `expected` that of the earlier bets of the book (of all, where the book is new), and at least LEAST_SHARE.
    """
    known = {
        (name, book): (rows, broken) for name, book, rows, broken in baseline.habits.iter_rows() if rows >= MINIMUM_ROWS
    }
    found: dict[str, list[tuple[object, ...]]] = {name: [] for name in WORDS}
    for name, book, rows, broken in habits(marked(batch, baseline.bets)).iter_rows():
        # A book that is new is held against all others.
        before = known.get((name, book), known.get((name, None), NOTHING if name in LAWS else None))
        if rows and before:
            found[name].append((book, rows, broken, *before))
    return [_shifts(name, rows) for name, rows in found.items() if rows]


def _shifts(name: str, rows: list[tuple[object, ...]]) -> pl.LazyFrame:
    """SHIFTS of one relation from rows of a book, its bets, those that broke it, and the same of before."""
    found = pl.DataFrame(rows, FOUND, orient="row")
    share = (pl.col("broken before") / pl.col("reference_rows")).fill_nan(0)
    scored = found.with_columns(value=pl.col("broken") / pl.col("rows"), expected=share.clip(LEAST_SHARE))
    tail = binom.sf(scored["broken"].to_numpy() - 1, scored["rows"].to_numpy(), scored["expected"].to_numpy())
    scored = scored.with_columns(pl.Series("score", norm.isf(tail), pl.Float64))
    says = pl.format("{} of {} {}", pl.col("broken"), pl.col("rows"), pl.lit(WORDS[name]))
    return as_shifts(name, scored.lazy(), says)
