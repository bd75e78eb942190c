"""Drift: whether the values of a feature are still distributed as they were at the last accepted refresh.

Two measures. PSI, over bins that both sides share: quantiles of the reference for numbers, categories for text and
flags, nulls a bin of their own. And for numbers the Kolmogorov-Smirnov distance. Both move by chance when rows are few,
so each is held against what as many rows do without drift.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from scipy import stats

from quality.evidence import DRIFT
from quality.known_values import known_values

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
class _Side:
    """The values of a feature on one side: how many rows there are, and those that are not null."""

    rows: int
    known: np.ndarray

    @property
    def nulls(self) -> int:
        return self.rows - len(self.known)


@dataclass(frozen=True)
class _Feature:
    name: str
    is_number: bool
    current: _Side
    reference: _Side

    @classmethod
    def of(cls, name: str, current: pl.Series, reference: pl.Series) -> "_Feature":
        kinds = [_kind(side) for side in (current, reference)]
        # A column of nulls may have no type.
        if len(set(kinds) - {pl.Null()}) > 1:
            raise ValueError(f"{name} is {current.dtype} now and was {reference.dtype}")
        sides = [_Side(side.len(), known_values(side)) for side in (current, reference)]
        return cls(name, pl.Float64() in kinds, *sides)


def _common(current: pl.DataFrame, reference: pl.DataFrame) -> Sequence[str]:
    if one_sided := sorted(set(current.columns) ^ set(reference.columns)):
        raise ValueError(f"on one side only: {', '.join(one_sided)}")
    return current.columns


def _kind(values: pl.Series) -> pl.DataType:
    """What the values are compared as: Float64, String, or Null for a column of nulls without a type."""
    if values.dtype.is_numeric():
        return pl.Float64()
    if isinstance(values.dtype, pl.Boolean | pl.String | pl.Categorical | pl.Enum):
        return pl.String()
    if values.dtype == pl.Null:
        return pl.Null()
    raise ValueError(f"{values.name} is {values.dtype}, neither number, text nor flag")


def _measured(feature: _Feature, significance: float) -> tuple[object, ...]:
    sizes = feature.current.rows, feature.reference.rows
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
    return _highest_by_chance(bins - 1) * (1 / rows + 1 / reference_rows)


@cache
def _highest_by_chance(degrees: int) -> float:
    """What chi squared with these degrees of freedom exceeds by chance one time in 1 / FALSE_ALARMS."""
    return float(stats.chi2.ppf(1 - FALSE_ALARMS, degrees)) if degrees else 0.0


def _binned(feature: _Feature) -> np.ndarray:
    """How many rows of each side are in each bin that holds any: (bins, 2)."""
    sides = feature.current, feature.reference
    bins = min(BINS, max(2, min(side.rows for side in sides) // ROWS_A_BIN))
    reference = feature.reference.known
    if feature.is_number and len(np.unique(reference)) + bool(feature.reference.nulls) > bins:
        edges = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
        counts = np.stack([_in_intervals(side, edges) for side in sides], axis=1)
    else:
        counts = _in_categories(*sides)
    occupied: np.ndarray = counts[counts.sum(axis=1) > 0]
    return occupied


def _in_intervals(side: _Side, edges: np.ndarray) -> np.ndarray:
    counts = np.bincount(np.searchsorted(edges, side.known, side="left"), minlength=len(edges) + 1)
    return np.append(counts, side.nulls)


def _in_categories(current: _Side, reference: _Side) -> np.ndarray:
    """Rows of each side by value, those of all rare values together, and the nulls."""
    ours, theirs = Counter(current.known.tolist()), Counter(reference.known.tolist())
    counts = sorted(((theirs[value], ours[value]) for value in ours | theirs), reverse=True)
    smaller = min(current.rows, reference.rows) / (current.rows + reference.rows)
    frequent = [both for both in counts if sum(both) * smaller >= ROWS_A_BIN][:CATEGORIES]
    others = np.subtract([len(reference.known), len(current.known)], np.sum(frequent, axis=0))
    return np.array([*frequent, others, (reference.nulls, current.nulls)], np.float64)[:, ::-1]


# ---- KS ----


def _ks(feature: _Feature) -> tuple[float | None, float | None]:
    """The largest distance between the distribution functions of the known values, and its p-value.

    Both are those of `scipy.stats.ks_2samp` with its asymptotic method: the exact p-value takes long with many rows,
    and scipy gives it up for some.
    """
    ours, theirs = np.sort(feature.current.known), np.sort(feature.reference.known)
    # One value against another says nothing, and has no p-value.
    if not feature.is_number or min(len(ours), len(theirs)) < 2:
        return None, None
    both = np.concatenate([ours, theirs])
    shares = (np.searchsorted(side, both, side="right") / len(side) for side in (ours, theirs))
    parted = np.subtract(*shares)
    distance = max(parted.max(), -parted.min())
    more, fewer = sorted((float(len(ours)), float(len(theirs))), reverse=True)
    p_value = stats.kstwo.sf(distance, np.round(more * fewer / (more + fewer)))
    return float(distance), float(np.clip(p_value, 0, 1))
