"""What histograms are drawn of, beside plain loops over the values."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quality.distributions import HISTOGRAM_BINS, HISTOGRAM_LABELS, distributions
from quality.evidence import DISTRIBUTIONS

NUMBERS = st.lists(st.none() | st.floats(-1e6, 1e6) | st.integers(-3, 3).map(float), max_size=60)
TEXTS = st.lists(st.none() | st.sampled_from([f"sport {i}" for i in range(12)] + ["", '"', "{}", "\\"]), max_size=60)


def only(current: pl.Series, reference: pl.Series) -> dict[str, object]:
    (row,) = distributions("view", current.to_frame("x"), reference.to_frame("x")).to_dicts()
    return row


@given(NUMBERS, NUMBERS)
def test_number_falls_into_the_enclosing_bin_or_the_nearest_outermost_bin(
    current: list[float | None], reference: list[float | None]
) -> None:
    row = only(pl.Series(current, dtype=pl.Float64), pl.Series(reference, dtype=pl.Float64))
    edges = row["edges"]
    for side, counts, nulls in (
        (current, row["rows"], row["nulls"]),
        (reference, row["reference_rows"], row["reference_nulls"]),
    ):
        known = [value for value in side if value is not None]
        assert (sum(counts), nulls, len(counts)) == (len(known), len(side) - len(known), max(0, len(edges) - 1))
        expected = Counter(bin_of(value, edges) for value in known)
        assert counts == [expected[position] for position in range(len(counts))]


def bin_of(value: float, edges: list[float]) -> int:
    inside = min(max(value, edges[0]), edges[-1])
    return max((i for i in range(len(edges) - 1) if edges[i] <= inside), default=0)


@given(TEXTS, TEXTS)
def test_text_is_counted_under_an_equal_label_or_else_under_null(
    current: list[str | None], reference: list[str | None]
) -> None:
    row = only(pl.Series(current, dtype=pl.String), pl.Series(reference, dtype=pl.String))
    both = Counter(value for value in [*current, *reference] if value is not None)
    ranked = sorted(both, key=lambda value: (-both[value], value))
    labels = ranked[:HISTOGRAM_LABELS] + [None] * (len(ranked) > HISTOGRAM_LABELS)
    assert row["labels"] == labels
    for side, counts in ((current, row["rows"]), (reference, row["reference_rows"])):
        known = Counter(value for value in side if value is not None)
        others = sum(number for value, number in known.items() if value not in labels)
        assert counts == [others if label is None else known[label] for label in labels]


def test_single_value_far_out_does_not_stretch_the_bins() -> None:
    row = only(pl.Series([*range(1_000), 10**9], dtype=pl.Float64), pl.Series([], dtype=pl.Float64))
    assert (len(row["edges"]), row["edges"][-1] < 1_000) == (HISTOGRAM_BINS + 1, True)


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Int64, pl.String, pl.Boolean])
def test_column_without_values_on_either_side_has_no_bins(dtype: pl.DataType) -> None:
    found = distributions(
        "view", pl.DataFrame({"x": pl.Series([None], dtype=dtype)}), pl.DataFrame(schema={"x": dtype})
    )
    assert (found.schema, found["rows"].to_list(), found["nulls"].to_list()) == (DISTRIBUTIONS, [[]], [1])
