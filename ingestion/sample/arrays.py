"""The arrays that the sample is made of: their types, the units of time in them, and how to draw positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

# Instants are microseconds since 1970.
SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3_600 * SECOND, 86_400 * SECOND


def pick(shares: Sequence[float], count: int, random: np.random.Generator) -> Integers:
    """Positions in `shares`, each as often as its share says."""
    ends = np.cumsum(shares)
    return np.asarray(np.searchsorted(ends, random.random(count) * ends[-1], side="right"), np.int64)


def whole(values: Floats, unit: int = 1) -> Integers:
    """The values in whole units, rounded down."""
    return np.asarray(values, np.int64) // unit * unit


def next_multiple(values: Integers, step: Integers | int) -> Integers:
    """The values, raised to a multiple of `step`."""
    return np.asarray(-(-values // step) * step, np.int64)
