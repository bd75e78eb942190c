"""When a feature has drifted, and when there are only few rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from quality.drift import drift
from quality.evidence import DRIFT
from tests.builders.examples import examples

SIZES = st.integers(1, 400)


def random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def measured(current: Any, reference: Any) -> dict[str, Any]:
    """The one row for one feature."""
    return drift("view", pl.DataFrame({"x": current}), pl.DataFrame({"x": reference})).row(0, named=True)


def values(kind: str, rows: int, generator: np.random.Generator) -> list[Any]:
    drawn = {
        "normal": generator.normal(size=rows),
        "skewed": generator.lognormal(0, 2, rows),
        "counts": generator.poisson(2, rows),
        "text": generator.choice(["a", "b", "c", "d", "e"], rows, p=[0.5, 0.3, 0.1, 0.07, 0.03]),
        "flag": generator.random(rows) < 0.1,
        "unique": generator.integers(0, 10**12, rows).astype(str),
    }[kind.removesuffix(", some null")]
    is_null = generator.random(rows) < (0.1 if kind.endswith("some null") else 0)
    return [None if null else value for null, value in zip(is_null, drawn.tolist(), strict=True)]


KINDS = ["normal", "skewed", "counts", "text", "flag", "unique", "normal, some null", "text, some null"]


# ---- no drift ----


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rows", "reference_rows"), [(1, 2_000), (5, 50), (12, 500), (40, 40), (100, 100), (700, 300)])
def test_rows_of_equal_distribution_hardly_ever_drift(kind: str, rows: int, reference_rows: int) -> None:
    generator = random(7)
    sides = (
        pl.DataFrame({str(i): values(kind, size, generator) for i in range(200)}, infer_schema_length=None)
        for size in (rows, reference_rows)
    )
    assert drift("view", *sides)["has_drifted"].sum() <= 2


@given(st.sampled_from(KINDS), SIZES, st.integers(0, 2**32))
def test_the_same_rows_in_another_order_never_drift(kind: str, rows: int, seed: int) -> None:
    drawn = values(kind, rows, random(seed))
    found = measured(drawn, random(seed + 1).permutation(np.array(drawn, dtype=object)).tolist())
    assert (found["psi"], found["has_drifted"]) == (0.0, False)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_handful_of_rows_never_drifts_however_odd(rows: int) -> None:
    assert not measured(["odd"] * rows, ["usual"] * 1_000)["has_drifted"]


def test_a_small_change_in_many_rows_is_no_drift() -> None:
    found = measured(random(1).normal(0.05, 1, 200_000), random(2).normal(0, 1, 200_000))
    assert (found["p_value"] < 1e-9, found["has_drifted"]) == (True, False)


# ---- drift ----


@examples(50)
@given(st.integers(60, 500), st.integers(60, 500), st.sampled_from([-4.0, 4.0]), st.integers(0, 2**32))
def test_numbers_that_moved_drift(rows: int, reference_rows: int, by: float, seed: int) -> None:
    generator = random(seed)
    assert measured(generator.normal(by, 1, rows), generator.normal(0, 1, reference_rows))["has_drifted"]


@examples(50)
@given(st.integers(60, 500), st.integers(60, 500), st.integers(0, 2**32))
def test_text_that_changed_drifts(rows: int, reference_rows: int, seed: int) -> None:
    assert measured(["new"] * rows, values("text", reference_rows, random(seed)))["has_drifted"]


@pytest.mark.parametrize(
    ("current", "reference"),
    [
        ([1.0] * 100 + [None] * 100, [1.0] * 200),
        (["a"] * 100 + [None] * 100, ["a"] * 200),
        ([None] * 200, list(range(200))),
        ([2.0] * 200, [None] * 200),
        ([True] * 200, [False] * 200),
        (["a"] * 100 + ["b"] * 80 + ["c"] * 20, ["a"] * 100 + ["b"] * 20 + ["c"] * 80),
        ([0.4] * 200, [0.5] * 200),
        (list(range(200)), [5] * 200),
    ],
    ids=[
        "nulls among numbers",
        "nulls among text",
        "all null",
        "no longer null",
        "flags",
        "less usual text",
        "a constant",
        "no constant",
    ],
)
def test_feature_with_changed_values_or_nulls_drifts(current: list[Any], reference: list[Any]) -> None:
    assert measured(current, reference)["has_drifted"]


def test_a_wider_spread_around_the_same_middle_drifts() -> None:
    assert measured(random(1).normal(0, 5, 500), random(2).normal(0, 1, 500))["has_drifted"]


def test_move_inside_the_bins_drifts_by_the_ks_distance_alone() -> None:
    """Half of the rows moved from one end of a bin to the other: bins cannot see it."""
    reference = np.concatenate([np.zeros(500), np.linspace(10, 11, 500)])
    found = measured(np.concatenate([np.full(500, -9.0), np.linspace(10, 11, 500)]), reference)
    assert (found["psi"] < 0.2, found["ks"], found["has_drifted"]) == (True, 0.5, True)


def test_many_features_need_stronger_evidence_of_drift_than_a_single_feature() -> None:
    sides = pl.DataFrame({"x": range(12)}), pl.DataFrame({"x": [i + 8.1 for i in range(12)]})
    assert 0.0001 < measured(*[side["x"] for side in sides])["p_value"] < 0.001
    many = [side.select(pl.col("x").alias(str(i)) for i in range(30)) for side in sides]
    alone, among_many = drift("view", *sides), drift("view", *many)
    assert (alone["has_drifted"].all(), among_many["has_drifted"].any()) == (True, False)


# ---- the figures ----


def test_the_distance_is_that_of_the_known_values() -> None:
    ours, theirs = random(1).normal(size=80), random(2).normal(0.3, 1, size=120)
    found, expected = measured([*ours, None, None], theirs), stats.ks_2samp(ours, theirs, method="asymp")
    assert (found["ks"], found["p_value"]) == (expected.statistic, expected.pvalue)


def test_the_population_stability_index_equals_the_textbook_formula() -> None:
    found = measured(["a"] * 600 + ["b"] * 400, ["a"] * 500 + ["b"] * 500)
    expected = (0.6 - 0.5) * np.log(0.6 / 0.5) + (0.4 - 0.5) * np.log(0.4 / 0.5)
    assert found["psi"] == pytest.approx(expected, rel=0.01)


def test_the_psi_noise_is_reached_by_chance_once_in_a_thousand() -> None:
    found = measured(["a", "b"] * 100, ["a", "b"] * 200)
    assert found["psi_noise"] == pytest.approx(stats.chi2.ppf(0.999, 1) * (1 / 200 + 1 / 400))


def test_feature_with_few_rows_is_measured_in_few_bins() -> None:
    found = measured(random(1).normal(size=20), random(2).normal(size=1_000))
    assert found["psi_noise"] == pytest.approx(stats.chi2.ppf(0.999, 3) * (1 / 20 + 1 / 1_000))


def test_drift_of_a_text_feature_has_no_ks_and_no_p_value() -> None:
    assert (measured(["a"], ["b"])["ks"], measured(["a"], ["b"])["p_value"]) == (None, None)


@pytest.mark.parametrize(("rows", "reference_rows"), [(0, 50), (50, 0), (0, 0)])
def test_feature_without_rows_on_either_side_has_no_psi_and_no_drift(rows: int, reference_rows: int) -> None:
    sides = [pl.Series("x", range(size), pl.Int64) for size in (rows, reference_rows)]
    found = measured(*sides)
    assert (found["rows"], found["reference_rows"], found["psi"], found["has_drifted"]) == (
        rows,
        reference_rows,
        None,
        False,
    )


def test_drift_frame_has_a_row_per_feature_and_the_drift_schema() -> None:
    both = pl.DataFrame({"count": [1, 2], "rate": [0.5, None], "sport": ["Golf", None], "is_live": [True, False]})
    found = drift("sport_stats", both, both)
    assert (found.schema, found["feature"].to_list(), set(found["view"])) == (DRIFT, both.columns, {"sport_stats"})


@st.composite
def two_sides(draw: st.DrawFn) -> list[pl.Series]:
    """Two columns of text, flags or numbers, of few or of many values, and perhaps nulls; neither is empty."""
    dtype, values = draw(
        st.sampled_from(
            [
                (pl.Boolean, [True, False]),
                (pl.String, [str(number) for number in range(30)]),
                (pl.Int64, [0, 1, 2]),
                (pl.Float64, [0.0, -0.0, 0.5, 1.0]),
                (pl.Float64, [(number - 20) / 7 for number in range(50)]),
            ]
        )
    )
    there = [*values[: draw(st.integers(1, len(values)))], None]
    largest = draw(st.sampled_from([1, 10, 20]))
    counts = st.lists(st.integers(0, largest), min_size=len(there), max_size=len(there)).filter(any)
    ours = draw(counts)
    # Sides of one size have values of exactly the number that a bin needs.
    theirs = draw(counts | st.permutations(ours))
    return [
        pl.Series("x", [value for value, rows in zip(there, side, strict=True) for _ in range(rows)], dtype)
        for side in (ours, theirs)
    ]


@given(two_sides())
def test_drift_of_any_two_columns_equals_group_by_counts_and_scipy_to_the_bit(sides: list[pl.Series]) -> None:
    current, reference = sides
    found = measured(current, reference)
    bins = min(10, max(2, min(current.len(), reference.len()) // 5))
    if current.dtype.is_numeric() and reference.n_unique() > bins:
        edges = np.unique(np.quantile(reference.drop_nulls(), np.linspace(0, 1, bins + 1)[1:-1]))
        intervals = [
            pl.Series("x", np.searchsorted(edges, side.drop_nulls())).extend_constant(None, n=side.null_count())
            for side in sides
        ]
        counts = counts_by_value(*intervals).sort("value", nulls_last=True).drop("value")
    else:
        counts = in_categories(current, reference)
    occupied = counts.filter(pl.sum_horizontal(pl.all()) > 0).to_numpy()
    ours, theirs = ((occupied + 0.5) / (occupied + 0.5).sum(axis=0)).T
    noise = stats.chi2.ppf(0.999, len(occupied) - 1) if len(occupied) > 1 else 0.0
    assert found["psi"] == ((ours - theirs) * np.log(ours / theirs)).sum()
    assert found["psi_noise"] == noise * (1 / current.len() + 1 / reference.len())
    known = [side.drop_nulls().to_numpy() for side in sides]
    if current.dtype.is_numeric() and min(map(len, known)) > 1:
        expected = stats.ks_2samp(*known, method="asymp")
        assert (found["ks"], found["p_value"]) == (expected.statistic, expected.pvalue)


def counts_by_value(current: pl.Series, reference: pl.Series) -> pl.DataFrame:
    """How many rows of each side have each value: value, ours, theirs."""
    sides = [current.to_frame("value").with_columns(ours=1), reference.to_frame("value").with_columns(ours=0)]
    ours = pl.col("ours").sum()
    return pl.concat(sides).group_by("value").agg(ours, theirs=pl.len() - ours)


def in_categories(current: pl.Series, reference: pl.Series) -> pl.DataFrame:
    """ours, theirs: of the twenty most frequent values, of all others together, and of the nulls."""
    counts = counts_by_value(current, reference).sort("theirs", "ours", descending=True)
    smaller = min(current.len(), reference.len()) / (current.len() + reference.len())
    known = counts.drop_nulls("value")
    frequent = known.filter((pl.col("ours") + pl.col("theirs")) * smaller >= 5).head(20)
    others = known.join(frequent, on="value", how="anti").sum()
    bins = [frequent, others, counts.filter(pl.col("value").is_null())]
    return pl.concat([part.select("ours", "theirs") for part in bins]).cast(pl.Float64)


# ---- what cannot be compared ----


def test_feature_missing_on_either_side_of_drift_raises_with_the_feature_names() -> None:
    with pytest.raises(ValueError, match="on one side only: old, young"):
        drift("view", pl.DataFrame({"x": [1], "young": [1]}), pl.DataFrame({"x": [1], "old": [1]}))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_an_error(value: float) -> None:
    with pytest.raises(ValueError, match="x is not finite in 1 rows"):
        measured([1.0, value], [1.0, 2.0])


def test_drift_of_a_feature_that_changed_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match="x is String now and was Int64"):
        measured(["1"], [1])


def test_a_feature_of_lists_is_an_error() -> None:
    with pytest.raises(ValueError, match="neither number, text nor flag"):
        measured([[1]], [[1]])
