"""Measures of the bets themselves: how many, how many are settled, what they lack, how varied they are."""

from collections.abc import Iterator
from functools import partial

import polars as pl

from quality.gates.measures.measure import Measure, Measured, failing_share, sound_share
from quality.gates.needs import Provided

# The gate, the column that must be known, and how its nulls are counted by group.
KNOWN = (
    ("max_null_sport_pct", "sport", ("sport", "bets"), pl.col("bets").filter(pl.col("sport").is_null())),
    ("max_null_market_pct", "market", ("without_market", "bets"), pl.col("without_market")),
    ("max_null_odds_pct", "american_odds", ("without_price", "bets"), pl.col("without_price")),
)


def measures() -> Iterator[Measure]:
    """All measures of this file."""
    yield Measure("min_records", "dataset", {"totals": ("bets",)}, _records)
    yield Measure("min_settled_pct", "dataset", {"totals": ("settled", "bets")}, _settled, is_share=True)
    for gate, column, counts, unknown in KNOWN:
        of_batch = partial(_unknown_in_batch, column=column)
        of_totals = partial(_unknown_in_dataset, column=column, unknown=unknown)
        yield Measure(gate, "batch", {"batch": (column, "institution_name")}, of_batch, is_share=True)
        yield Measure(gate, "dataset", {"totals": (*counts, "institution_name")}, of_totals, is_share=True)
    for gate, column in (("min_sports_count", "sport"), ("min_books_count", "institution_name")):
        yield Measure(gate, "dataset", {"totals": (column, "bets")}, partial(_variety, column=column))


def _records(evidence: Provided) -> Measured:
    bets = _bets(evidence)
    return Measured(bets, bets)


def _settled(evidence: Provided) -> Measured:
    return sound_share(_total(evidence, pl.col("settled")), _bets(evidence), "are not settled")


def _unknown_in_batch(evidence: Provided, column: str) -> Measured:
    bets = evidence["batch"].select("institution_name", pl.col(column).is_null().cast(pl.Int64).alias("unknown"))
    return failing_share(int(bets["unknown"].sum()), bets.height, f"have no {column}{_most_at(bets)}")


def _unknown_in_dataset(evidence: Provided, column: str, unknown: pl.Expr) -> Measured:
    totals = evidence["totals"].group_by("institution_name").agg(unknown.sum().alias("unknown"))
    return failing_share(_total(evidence, unknown), _bets(evidence), f"have no {column}{_most_at(totals)}")


def _most_at(counts: pl.DataFrame) -> str:
    """The book at which most of the `unknown` are; nothing where none is, or no book is named."""
    books = counts.drop_nulls().group_by("institution_name").agg(pl.col("unknown").sum())
    worst = books.filter(pl.col("unknown") > 0).sort("unknown", "institution_name", descending=[True, False]).head(1)
    return "".join(f", {unknown:,} of them at {book}" for book, unknown in worst.iter_rows())


def _variety(evidence: Provided, column: str) -> Measured:
    known = evidence["totals"].filter(pl.col("bets") > 0)[column].drop_nulls()
    return Measured(known.n_unique(), _bets(evidence))


def _bets(evidence: Provided) -> int:
    return _total(evidence, pl.col("bets"))


def _total(evidence: Provided, counts: pl.Expr) -> int:
    total: int = evidence["totals"].select(counts.sum()).item()
    return total
