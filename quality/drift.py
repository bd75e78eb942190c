"""Drift: whether the values of a feature are still distributed as they were at the last accepted refresh.

Two measures. PSI, over bins that both sides share: quantiles of the reference for numbers, categories for text and
flags, nulls a bin of their own. And for numbers the Kolmogorov-Smirnov distance. Both move by chance when rows are few,
so each is held against what as many rows do without drift.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from quality.evidence import DRIFT

# The usual reading of a PSI: below 0.1 nothing, above 0.2 a change that matters.
MIN_PSI = 0.2
# A distance between distributions that matters, however certain a smaller one is with many rows.
MIN_KS = 0.1
# How rarely chance alone may look like drift: for the PSI of one feature, for the KS of all features of a call.
FALSE_ALARMS = 0.001

BINS = 10
# Rows that a bin should hold on the smaller side, so that fewer rows make fewer bins.
ROWS_A_BIN = 5
CATEGORIES = 20


def drift(view: str, current: pl.DataFrame, reference: pl.DataFrame) -> pl.DataFrame:
    """One row per feature, with the schema DRIFT.

    `current` holds the values that would be published and `reference` those of the last accepted refresh, one column
    per feature, in any order of columns and rows. A side without rows gives nulls and no drift.

    Raises ValueError when a column is on one side only, holds NaN or an infinity, or is neither number, text nor flag,
    and when its kind differs between the sides.
    """
    features = [_Feature.of(name, current[name], reference[name]) for name in _common(current, reference)]
    significance = FALSE_ALARMS / max(1, sum(feature.is_number for feature in features))
    return pl.DataFrame([(view, *_measured(feature, significance)) for feature in features], DRIFT, orient="row")


@dataclass(frozen=True)
class _Feature:
    name: str
    current: pl.Series
    reference: pl.Series

    @classmethod
    def of(cls, name: str, current: pl.Series, reference: pl.Series) -> "_Feature":
        ours, theirs = _plain(current), _plain(reference)
        # A column of nulls may have no type.
        ours = ours.cast(theirs.dtype) if ours.dtype == pl.Null else ours
        theirs = theirs.cast(ours.dtype) if theirs.dtype == pl.Null else theirs
        if ours.dtype != theirs.dtype:
            raise ValueError(f"{name} is {current.dtype} now and was {reference.dtype}")
        return cls(name, ours, theirs)

    @property
    def is_number(self) -> bool:
        return self.current.dtype == pl.Float64()


def _common(current: pl.DataFrame, reference: pl.DataFrame) -> Sequence[str]:
    if one_sided := sorted(set(current.columns) ^ set(reference.columns)):
        raise ValueError(f"on one side only: {', '.join(one_sided)}")
    return current.columns


def _plain(values: pl.Series) -> pl.Series:
    """The values as Float64 or as text; a column of nulls without a type as it is."""
    if values.dtype.is_numeric():
        numbers = values.cast(pl.Float64)
        if odd := (~numbers.is_finite()).sum():
            raise ValueError(f"{values.name} is not finite in {odd:,} rows")
        return numbers
    if isinstance(values.dtype, pl.Boolean | pl.String | pl.Categorical | pl.Enum):
        return values.cast(pl.String)
    if values.dtype == pl.Null:
        return values
    raise ValueError(f"{values.name} is {values.dtype}, neither number, text nor flag")


def _measured(feature: _Feature, significance: float) -> tuple[object, ...]:
    current, reference = feature.current, feature.reference
    sizes = current.len(), reference.len()
    if not all(sizes):
        return feature.name, *sizes, None, None, None, None, False
    counts = _binned(feature)
    psi, noise = _psi(counts), _psi_noise(len(counts), *sizes)
    ks, p_value = _ks(feature)
    has_moved = psi > max(MIN_PSI, noise)
    has_parted = ks is not None and p_value is not None and p_value < significance and ks > MIN_KS
    return feature.name, *sizes, psi, noise, ks, p_value, has_moved or has_parted


# ---- PSI ----


def _psi(counts: np.ndarray) -> float:
    """The population stability index of bins (rows: bins; columns: current, reference)."""
    # Half a row more in each bin: an empty one would make the index infinite.
    shares = (counts + 0.5) / (counts + 0.5).sum(axis=0)
    ours, theirs = shares.T
    return float(((ours - theirs) * np.log(ours / theirs)).sum())


def _psi_noise(bins: int, rows: int, reference_rows: int) -> float:
    """What the PSI stays below without drift, but for one time in 1 / FALSE_ALARMS.

    Without drift it is nearly distributed as chi squared with bins - 1 degrees of freedom, times 1/n + 1/m.
    """
    quantile = stats.chi2.ppf(1 - FALSE_ALARMS, bins - 1) if bins > 1 else 0.0
    return float(quantile * (1 / rows + 1 / reference_rows))


def _binned(feature: _Feature) -> np.ndarray:
    """How many rows of each side are in each bin that holds any: (bins, 2)."""
    current, reference = feature.current, feature.reference
    bins = min(BINS, max(2, min(current.len(), reference.len()) // ROWS_A_BIN))
    if feature.is_number and reference.n_unique() > bins:
        edges = np.unique(np.quantile(reference.drop_nulls(), np.linspace(0, 1, bins + 1)[1:-1]))
        sides = [_in_intervals(values, edges) for values in (current, reference)]
        counts = np.stack(sides, axis=1)
    else:
        counts = _in_categories(current, reference)
    occupied: np.ndarray = counts[counts.sum(axis=1) > 0]
    return occupied


def _in_intervals(values: pl.Series, edges: np.ndarray) -> np.ndarray:
    known = values.drop_nulls().to_numpy()
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return np.append(counts, values.null_count())


def _in_categories(current: pl.Series, reference: pl.Series) -> np.ndarray:
    """Rows of each side by value, those of all rare values together, and the nulls."""
    sides = pl.concat(
        [current.to_frame("value").with_columns(ours=1), reference.to_frame("value").with_columns(ours=0)]
    )
    ours, rows = pl.col("ours").sum(), pl.len()
    counts = sides.group_by("value").agg(ours, (rows - ours).alias("theirs")).sort("theirs", "ours", descending=True)
    expected = (pl.col("ours") + pl.col("theirs")) * (min(current.len(), reference.len()) / sides.height)
    known = counts.drop_nulls("value")
    frequent = known.filter(expected >= ROWS_A_BIN).head(CATEGORIES)
    others = known.join(frequent, on="value", how="anti")
    nulls = counts.filter(pl.col("value").is_null())
    bins = [frequent, others.sum(), nulls]
    return pl.concat([part.select("ours", "theirs") for part in bins]).to_numpy().astype(np.float64)


# ---- KS ----


def _ks(feature: _Feature) -> tuple[float | None, float | None]:
    """The largest distance between the distribution functions of the known values, and its p-value."""
    ours, theirs = feature.current.drop_nulls(), feature.reference.drop_nulls()
    # One value against another says nothing, and has no p-value.
    if not feature.is_number or min(ours.len(), theirs.len()) < 2:
        return None, None
    # The exact p-value takes long with many rows, and scipy gives it up for some.
    result = stats.ks_2samp(ours.to_numpy(), theirs.to_numpy(), method="asymp")
    return float(result.statistic), float(result.pvalue)
