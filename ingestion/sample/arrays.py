"""The arrays that the sample is made of: their types, the units of time in them, and how to draw positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

IntegerArray: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
BooleanArray: TypeAlias = npt.NDArray[np.bool_]

# Instants are microseconds since 1970.
MICROSECONDS = 1_000_000
MINUTE, HOUR, DAY = 60 * MICROSECONDS, 3_600 * MICROSECONDS, 86_400 * MICROSECONDS


def pick(shares: Sequence[float], count: int, random: np.random.Generator) -> IntegerArray:
    """Draw `count` positions in `shares`, each with a probability in proportion to its share."""
    ends = np.cumsum(shares)
    return np.asarray(np.searchsorted(ends, random.random(count) * ends[-1], side="right"), np.int64)


def whole(values: Floats, unit: int = 1) -> IntegerArray:
    """The values as integers, rounded down to a multiple of `unit`."""
    return np.asarray(values, np.int64) // unit * unit


def next_multiple(values: IntegerArray, step: IntegerArray | int) -> IntegerArray:
    """The values, rounded up to a multiple of `step`."""
    return np.asarray(-(-values // step) * step, np.int64)
