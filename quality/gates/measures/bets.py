"""Measures of the bets themselves: how many, how many are settled, what they lack, how varied they are."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import polars as pl

from quality.collected import collected
from quality.gates.measures.measure import Measure, MeasuredValue, failing_share, sound_share
from quality.gates.required_evidence import Provided
from quality.shifts.segments import BOOK, in_segments

# The gate, the column that must be known, and how its nulls are counted by group.
KNOWN_COLUMNS = (
    ("max_null_sport_pct", "sport", ("sport",), pl.col("bets").filter(pl.col("sport").is_null())),
    ("max_null_market_pct", "market", ("without_market",), pl.col("without_market")),
    ("max_null_odds_pct", "american_odds", ("without_price",), pl.col("without_price")),
)
# A closing line value in percent is rarely within one point of 0: 3 % of the real ones are, and 17 % on the sharpest
# day of the sharpest book. As fractions nearly all of them are.
FRACTION = 1.0
# How many books a note names.
BLAMED = 2


def bet_measures() -> Iterator[Measure]:
    """All measures of this file."""
    yield Measure("min_records", "dataset", {"totals": ("bets",)}, _records)
    yield Measure("min_settled_pct", "dataset", {"totals": ("settled", "bets")}, _settled, is_share=True)
    for gate, column, counts, unknown in KNOWN_COLUMNS:
        of_batch = partial(_unknown_in_batch, column=column)
        of_totals = partial(_unknown_in_dataset, column=column, unknown=unknown)
        yield Measure(gate, "batch", {"batch": (column, BOOK)}, of_batch, is_share=True)
        yield Measure(gate, "dataset", {"totals": (*counts, BOOK, "bets")}, of_totals, is_share=True)
    yield Measure("max_clv_fraction_pct", "batch", {"batch": ("clv_percentage", BOOK)}, _fractions, is_share=True)
    for gate, column in (("min_sports_count", "sport"), ("min_books_count", "institution_name")):
        yield Measure(gate, "dataset", {"totals": (column, "bets")}, partial(_variety, column=column))


def _records(evidence: Provided) -> MeasuredValue:
    bets = _bets(evidence)
    return MeasuredValue(bets, bets)


def _settled(evidence: Provided) -> MeasuredValue:
    return sound_share(_total(evidence, pl.col("settled")), _bets(evidence), "are not settled")


def _unknown_in_batch(evidence: Provided, column: str) -> MeasuredValue:
    is_unknown = pl.col(column).is_null()
    return _by_book(evidence["batch"], is_unknown.sum(), pl.len(), f"have no {column}")


def _unknown_in_dataset(evidence: Provided, column: str, unknown: pl.Expr) -> MeasuredValue:
    return _by_book(evidence["totals"], unknown.sum(), pl.col("bets").sum(), f"have no {column}")


def _by_book(bets: pl.DataFrame, failing: pl.Expr, rows: pl.Expr, words: str) -> MeasuredValue:
    """The share of all failing rows. The note names the books that have the most of them."""
    counts = bets.group_by(BOOK).agg(failing.alias("failing"), rows.alias("rows"))
    measured = failing_share(int(counts["failing"].sum()), int(counts["rows"].sum()), words)
    worst = counts.filter(pl.col("failing") > 0).sort("failing", BOOK, descending=[True, False]).head(BLAMED)
    shares = [f"{book or 'no book'} {part:,} of {whole:,}" for book, part, whole in worst.rows()]
    return replace(measured, note=f"{measured.note}: {', '.join(shares)}") if shares else measured


def _fractions(evidence: Provided) -> MeasuredValue:
    """The largest share of closing line values that can be fractions, over all bets and in each book with enough."""
    # A line that did not move says nothing about the unit.
    moved = evidence["batch"].lazy().select(BOOK, "clv_percentage").filter(pl.col("clv_percentage") != 0)
    is_fraction = (pl.col("clv_percentage").abs() <= FRACTION).sum()
    counts = collected(
        in_segments(moved)
        .group_by("segment")
        .agg(is_fraction.alias("failing"), pl.len().alias("rows"))
        .filter(pl.col("rows") >= evidence.min_rows)
        .sort(pl.col("failing") / pl.col("rows"), "segment", descending=[True, False])
    )
    if counts.is_empty():
        return MeasuredValue(None, 0, "too few closing line values", 0)
    book, failing, rows = counts.row(0)
    words = f"within {FRACTION:g} of 0, as fractions are"
    return failing_share(failing, rows, f"of {book} have a closing line value {words}" if book else f"have one {words}")


def _variety(evidence: Provided, column: str) -> MeasuredValue:
    known = evidence["totals"].filter(pl.col("bets") > 0)[column].drop_nulls()
    return MeasuredValue(known.n_unique(), _bets(evidence))


def _bets(evidence: Provided) -> int:
    return _total(evidence, pl.col("bets"))


def _total(evidence: Provided, counts: pl.Expr) -> int:
    total: int = evidence["totals"].select(counts.sum()).item()
    return total
