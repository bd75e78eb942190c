"""When bets are placed, and when their outcomes stand."""

from __future__ import annotations

import numpy as np

from ingestion.sample.arrays import (
    DAY,
    HOUR,
    MICROSECONDS,
    MINUTE,
    BooleanArray,
    Floats,
    IntegerArray,
    next_multiple,
    whole,
)
from ingestion.sample.catalogue import MARKETS, SPORTS

# 27,000 bets are some 90 days of a busy bettor; four times as many, twice the days, each twice as busy.
_USUAL_BETS, _USUAL_DAYS = 27_000, 90
# Bets placed in each hour of a UTC day (evenings in America); a day of the week-end is half as busy again.
_HOURS = np.array([9, 8, 6, 4, 2, 1.2, 0.8, 0.7, 0.8, 1, 1.4, 2, 2.6, 3.2, 4, 5, 6, 7, 8, 8.5, 8, 8, 9, 10])
_WEEK_END = 1.5
_NEWEST = 150 * MICROSECONDS
# Half of the bets are placed in the last 9 hours before the start, none more than 8 days.
_LEAD_HOURS, _LONGEST_LEAD = 9, 190
_STARTS_EVERY = 15 * MINUTE
_SHORTEST_LIVE, _SEASON_DAYS = 0.03, (9, 75)


def placements(count: int, now: int, random: np.random.Generator) -> IntegerArray:
    """Whole seconds in ascending order, as many at each hour and week-day as people bet then."""
    days = _USUAL_DAYS * max(1.0, count / _USUAL_BETS) ** 0.5
    minutes = np.arange((now - int(days * DAY)) // MINUTE, now // MINUTE - 1)
    weekday = (minutes // (24 * 60) + 3) % 7  # 1970 began on a Thursday
    busyness = np.cumsum(_HOURS[minutes // 60 % 24] * np.where(weekday >= 5, _WEEK_END, 1.0))
    minute = minutes[np.searchsorted(busyness, random.random(count) * busyness[-1], side="right")]
    placed = np.sort(minute * MINUTE + random.integers(0, 60, count) * MICROSECONDS)
    # However few bets there are, the newest is fresh.
    placed[-1:] = np.maximum(placed[-1:], (now - _NEWEST) // MICROSECONDS * MICROSECONDS)
    return placed


def months(instants: IntegerArray) -> IntegerArray:
    """The month of the year of each instant, 1 to 12."""
    return instants.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % 12 + 1


def decisions(
    placed: IntegerArray,
    sport: IntegerArray,
    league: IntegerArray,
    market: IntegerArray,
    live: BooleanArray,
    multi_leg: BooleanArray,
    random: np.random.Generator,
) -> IntegerArray:
    """When each outcome stands: minutes after the bet in a live market, weeks after it in one on a season."""
    count = len(placed)
    hours = np.array([each.hours for each in SPORTS])[sport]
    ends = np.array([np.nan if each.ends is None else each.ends for each in MARKETS])[market]
    lead = np.minimum(np.exp(random.normal(np.log(_LEAD_HOURS), 1.2, count)), _LONGEST_LEAD)
    starts = next_multiple(placed + _hours(lead), _STARTS_EVERY)
    # Bets on one event end together: how long it lasts follows from its start and its league.
    spread_of_event = (starts // MINUTE * 2_654_435_761 + league * 40_503 + sport * 97) % 1_000
    length = hours * np.nan_to_num(ends) * (0.92 + 0.25 * spread_of_event / 1_000)
    remaining = np.maximum(length * random.uniform(0.03, 0.9, count), _SHORTEST_LIVE)
    last_leg = starts + _hours(hours + random.uniform(0, 54, count))
    season = placed + _hours(24 * random.uniform(*_SEASON_DAYS, count))
    decided = np.select(
        [multi_leg, np.isnan(ends), live], [last_leg, season, placed + _hours(remaining)], starts + _hours(length)
    )
    return decided // MICROSECONDS * MICROSECONDS


def _hours(values: Floats) -> IntegerArray:
    return whole(values * HOUR, MICROSECONDS)
