"""Measures of how the newest graded bets ended."""

from collections.abc import Iterator
from fractions import Fraction

import polars as pl

from feature_repo.bets.odds import implied_probability_expression
from quality.gates.measures.measure import Measure, MeasuredValue
from quality.gates.required_evidence import Provided, Unusable


def outcome_measures() -> Iterator[Measure]:
    """All measures of this file."""
    yield Measure("win_rate_range", "dataset", {"graded": ("is_win",)}, _win_rate)
    yield Measure("win_rate_vs_implied", "dataset", {"graded": ("is_win", "american_odds")}, _against_prices)


def _win_rate(evidence: Provided) -> MeasuredValue:
    graded = evidence["graded"]
    won, rows = graded.filter(pl.col("is_win")).height, graded.height
    if not rows:
        return MeasuredValue(None, 0, "no graded bets")
    return MeasuredValue(Fraction(won, rows), rows, f"{won:,} of {rows:,} graded bets won")


def _against_prices(evidence: Provided) -> MeasuredValue:
    priced = evidence["graded"].drop_nulls("american_odds")
    odds = priced["american_odds"].cast(pl.Float64)
    if odd := (odds.abs() < 100).sum():
        raise Unusable(f"graded.american_odds lies inside (-100, 100) in {odd:,} rows, where no price can be")
    if priced.is_empty():
        return MeasuredValue(None, 0, "no graded bet has a price")
    implied = implied_probability_expression(pl.col("american_odds").cast(pl.Float64))
    won, expected = priced.select(pl.col("is_win").cast(pl.Float64).mean(), implied.mean()).row(0)
    return MeasuredValue(won - expected, priced.height, f"{won:.1%} won, the prices say {expected:.1%}")
