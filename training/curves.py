"""What the page of a model draws of its test: day by day, promise beside result, and where the set was cut."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl

from training.learning.probabilities import Flags, Numbers
from training.split import PARTS
from training.verdict import Labels

# Of equal width, from 0 to 1.
_RELIABILITY_BINS: Final = 10
# 1970-01-01, from which days are numbered.
_FIRST_DAY: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class TestDay:
    """A day of the test, UTC."""

    #: ISO 8601.
    day: str
    bets: int
    #: Mean log loss of the model minus that of the reference, nats a bet.
    difference: float
    #: The bets that promised the judged margin.
    made: int
    #: What a stake of 1 on each of them had brought by the end of the day, since the test began.
    flat: float
    #: What quarter-Kelly stakes on them had left of a bankroll of 1.
    bankroll: float


@dataclass(frozen=True)
class ReliabilityBin:
    """The bets whose probabilities lie in one tenth of the scale."""

    bets: int
    #: Mean probability, and the share that was won.
    promised: float
    won: float


@dataclass(frozen=True)
class PartDay:
    """The bets placed on a day, UTC, by their part."""

    #: ISO 8601.
    day: str
    train: int
    validation: int
    test: int
    purged: int


def wagers_by_day(
    stakes: Numbers, returns: Numbers, is_made: Flags, days: Labels
) -> dict[int, tuple[int, float, float]]:
    """Each day's bets made, flat profit so far, and bankroll at its end; in order.

    A day's stakes are shares of what its morning had.
    """
    flat, bankroll, so_far = 0.0, 1.0, {}
    for day in np.unique(days):
        chosen = is_made & (days == day)
        flat += float(returns[chosen].sum())
        bankroll *= max(1 + float((stakes[chosen] * returns[chosen]).sum()), 0.0)
        so_far[int(day)] = int(chosen.sum()), flat, bankroll
    return so_far


def test_days(differences: Numbers, days: Labels, so_far: dict[int, tuple[int, float, float]]) -> tuple[TestDay, ...]:
    """The days of the test, in order; `days` are numbered from 1970, as those of `so_far` (`wagers_by_day`)."""
    return tuple(
        TestDay(day_text(day), int((days == day).sum()), float(differences[days == day].mean()), *so_far[day])
        for day in so_far
    )


def reliability(won: Flags, probability: Numbers) -> tuple[ReliabilityBin, ...]:
    """The bins that have bets, from the least probable on."""
    bins = np.minimum((probability * _RELIABILITY_BINS).astype(int), _RELIABILITY_BINS - 1)
    return tuple(
        ReliabilityBin(int(inside.sum()), float(probability[inside].mean()), float(won[inside].mean()))
        for inside in (bins == number for number in np.unique(bins))
    )


def parts_by_day(bets: pl.DataFrame) -> tuple[PartDay, ...]:
    """The days on which bets were placed, in order, from `time_placed` and `part`.

    One entry per UTC day that has a bet, with the number of bets of each part; days without bets have none.
    """
    counts = (
        bets.group_by(pl.col("time_placed").dt.convert_time_zone("UTC").dt.date().alias("day"))
        .agg((pl.col("part") == name).sum().alias(name) for name in PARTS)
        .sort("day")
    )
    return tuple(_part_day(**row) for row in counts.iter_rows(named=True))


def _part_day(day: date, **counts: Any) -> PartDay:
    return PartDay(day.isoformat(), **counts)


def day_text(number: int) -> str:
    """A day that is numbered from 1970, in ISO 8601.

    >>> day_text(20_000)
    '2024-10-04'
    """
    return date.fromordinal(_FIRST_DAY + number).isoformat()
