"""How the values of a feature are distributed, now and at the last accepted refresh: what a histogram is drawn of.

The bins of drift.py are quantiles of one side, right for an index and wrong for the eye. These are of equal width.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from quality.evidence import DISTRIBUTIONS
from quality.known_values import known_values

HISTOGRAM_BINS: Final = 20
HISTOGRAM_LABELS: Final = 8
# The share of values on either side that the bins need not reach to: one price of 50,000 would leave a single bar.
_TAIL: Final = 0.01


def distributions(view: str, current: pl.DataFrame, reference: pl.DataFrame) -> pl.DataFrame:
    """One row per feature, with the schema DISTRIBUTIONS.

    Both frames have one column per feature, the same ones; a side without rows has counts of 0. Numbers fall into
    bins of equal width, text and flags into their most frequent values and one bin of the others. A column of nothing
    but nulls has no bins. Raises ValueError where a number is NaN or infinite.
    """
    rows = [(view, name, *_binned(current[name], reference[name])) for name in current.columns]
    return pl.DataFrame(rows, DISTRIBUTIONS, orient="row")


def _binned(current: pl.Series, reference: pl.Series) -> tuple[object, ...]:
    sides = known_values(current), known_values(reference)
    nulls = current.null_count(), reference.null_count()
    if current.dtype.is_numeric():
        edges, counts = _in_bins(*sides)
        return edges, None, *counts, *nulls
    labels, counts = _by_label(*(Counter(side.tolist()) for side in sides))
    return None, labels, *counts, *nulls


def _in_bins(current: np.ndarray, reference: np.ndarray) -> tuple[Sequence[float], list[Sequence[int]]]:
    """The ends of the bins, and how many values of each side are in each. Without values there are no bins."""
    both = np.concatenate([current, reference])
    if not both.size:
        return [], [[], []]
    low, high = np.quantile(both, [_TAIL, 1 - _TAIL])
    if low == high:
        low, high = both.min(), both.max()
    edges = np.linspace(low, high, HISTOGRAM_BINS + 1) if low < high else np.array([low, low])
    counts = [np.histogram(np.clip(side, low, high), edges)[0].tolist() for side in (current, reference)]
    return edges.tolist(), counts


def _by_label(current: Counter[str], reference: Counter[str]) -> tuple[Sequence[str | None], list[Sequence[int]]]:
    """The most frequent values of both sides together, null for all others, and how many of each side have each."""
    both = current + reference
    ranked = sorted(both, key=lambda value: (-both[value], value))
    named = ranked[:HISTOGRAM_LABELS]
    labels: list[str | None] = [*named, None] if len(ranked) > len(named) else list(named)
    counts: list[Sequence[int]] = []
    for side in (current, reference):
        known = [side[label] for label in named]
        counts.append([*known, side.total() - sum(known)][: len(labels)])
    return labels, counts
