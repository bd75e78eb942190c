"""Measures of what no single row shows: each test of `quality/shifts` is a gate of the same name."""

from collections.abc import Iterator
from functools import partial

import polars as pl

from quality.gates.gate import Scope
from quality.gates.measures.measure import Measure, MeasuredValue
from quality.gates.required_evidence import Provided, Unusable

SHIFT_SCOPES: dict[str, Scope] = {
    "amount_level": "batch",
    "price_level": "batch",
    "clv_level": "batch",
    "clv_spread": "batch",
    "book_agreement": "batch",
    "calibration": "batch",
    "calibration_recent": "dataset",
    "win_rate_level": "batch",
    "payout": "batch",
    "clv_relation": "batch",
    "odds_format": "batch",
    "duplicate_share": "batch",
    "sport_arrivals": "batch",
    "book_arrivals": "batch",
}
SHIFT_COLUMNS = ("test", "segment", "rows", "score", "description")
NAMED_SEGMENTS = 3


def shift_measures() -> Iterator[Measure]:
    """All measures of this file."""
    for test, scope in SHIFT_SCOPES.items():
        yield Measure(test, scope, {"shifts": SHIFT_COLUMNS}, partial(_score, test=test))


def _score(evidence: Provided, test: str) -> MeasuredValue:
    """The highest score of any segment with enough rows."""
    shifts = evidence["shifts"]
    if unknown := sorted(set(shifts["test"]) - SHIFT_SCOPES.keys()):
        raise Unusable(f"shifts.test has unknown values: {', '.join(unknown)}")
    judged = shifts.filter(pl.col("test") == test, pl.col("rows") >= evidence.min_rows)
    if judged.is_empty():
        return MeasuredValue(None, 0, "nothing to compare, or too few rows")
    worst = judged.sort("score", "segment", descending=[True, False])
    told = (
        f"{segment or 'all'}: {text}"
        for segment, text in worst.head(NAMED_SEGMENTS).select("segment", "description").rows()
    )
    return MeasuredValue(worst["score"][0], worst["rows"][0], "; ".join(told))
