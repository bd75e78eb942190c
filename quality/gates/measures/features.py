"""Measures of the features that would be published: how many are known, how many moved."""

from collections.abc import Iterator
from fractions import Fraction

import polars as pl

from quality.gates.measures.measure import Measure, MeasuredValue
from quality.gates.required_evidence import Provided, Unusable

NAMED_FEATURES = 5


def feature_measures() -> Iterator[Measure]:
    """All measures of this file."""
    counts = {"completeness": ("view", "feature", "rows", "known")}
    yield Measure("feature_completeness", "dataset", counts, _completeness)
    yield Measure("feature_drift", "dataset", {"drift": ("view", "feature", "has_drifted")}, _drifted)


def _completeness(evidence: Provided) -> MeasuredValue:
    """The share of values that are known in the view that knows least: many sound views hide no hole in one."""
    counts = evidence["completeness"]
    if wrong := counts.filter(pl.col("known") > pl.col("rows")).height:
        raise Unusable(f"completeness says of {wrong:,} features that more values are known than there are rows")
    asked = counts.filter(pl.col("rows") > 0)
    if asked.is_empty():
        return MeasuredValue(None, 0, "no rows")
    shares = {
        view: Fraction(known, rows)
        for view, known, rows in asked.group_by("view").agg(pl.col("known").sum(), pl.col("rows").sum()).rows()
    }
    lowest = min(shares, key=lambda view: (shares[view], view))
    least = asked.filter(pl.col("view") == lowest).sort(pl.col("known") / pl.col("rows"), "feature")
    _, feature, rows, known = least.row(0)
    return MeasuredValue(shares[lowest], rows, f"least known in {lowest}: {feature}, {known:,} of {rows:,}")


def _drifted(evidence: Provided) -> MeasuredValue:
    drift = evidence["drift"]
    moved = drift.filter(pl.col("has_drifted")).sort("view", "feature")
    names = [f"{view}.{feature}" for view, feature in moved.select("view", "feature").rows()]
    others = f" and {len(names) - NAMED_FEATURES} more" if len(names) > NAMED_FEATURES else ""
    return MeasuredValue(moved.height, drift.height, ", ".join(names[:NAMED_FEATURES]) + others or "none moved")
