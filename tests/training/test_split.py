"""A training set is cut between UTC days, and what was known too late for its part is purged."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_repo.errors import ConfigurationError
from training.split import Cuts, day_cuts, parts, purge_warnings

FIRST = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _placed(*hours: float) -> pl.Series:
    return pl.Series("placed", [FIRST + hour * HOUR for hour in hours], dtype=pl.Datetime("us", "UTC"))


def test_even_days_are_cut_at_sixty_and_seventy_five_percent():
    placed = _placed(*(24 * day + hour for day in range(20) for hour in range(24)))
    assert day_cuts(placed) == Cuts(date(2026, 5, 13), date(2026, 5, 16))


def test_crowded_last_day_stays_whole():
    placed = _placed(*range(72), *([72.5] * 1_000))
    assert day_cuts(placed) == Cuts(date(2026, 5, 3), date(2026, 5, 4))


def test_two_days_of_bets_cannot_be_cut():
    with pytest.raises(ConfigurationError, match="2 days"):
        day_cuts(_placed(1, 2, 30))


@given(st.lists(st.tuples(st.integers(0, 24 * 9), st.integers(0, 24 * 9)), min_size=30, max_size=60))
def test_part_of_a_bet_follows_from_the_midnights(bets):
    placed = _placed(*(hour for hour, _ in bets))
    if placed.dt.date().n_unique() < 3:
        return
    known = placed + pl.Series([timedelta(hours=delay) for _, delay in bets])
    cuts = day_cuts(placed)
    validation, test = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (cuts.validation, cuts.test))
    assert validation < test
    for instant, learned, part in zip(placed, known, parts(placed, known, cuts), strict=True):
        if instant >= test:
            assert part == "test"
        elif instant >= validation:
            assert part == ("purged" if learned >= test else "validation")
        else:
            assert part == ("purged" if learned >= validation else "train")


@pytest.mark.parametrize(
    ("late", "begins"),
    [
        ({}, []),
        ({1: 5, 13: 5}, []),
        ({1: 6}, ["6 of the 10 bets of training were purged: their results were known only after validation began on"]),
        ({13: 10}, ["10 of the 10 bets of validation were purged: their results were known only after the test began"]),
        ({1: 10, 13: 10, 16: 10}, ["10 of the 10 bets of training", "10 of the 10 bets of validation"]),
    ],
    ids=["none late", "half late", "training", "validation", "all"],
)
def test_part_with_more_than_half_of_the_bets_purged_is_warned_of(late, begins):
    """`late`: of the ten bets of that day, how many have results that are known days after the next part began."""
    cuts = Cuts(date(2026, 5, 13), date(2026, 5, 16))
    bets = [(day, hour) for day in (1, 13, 16) for hour in range(10)]
    placed = _placed(*(24 * (day - 1) + hour for day, hour in bets))
    delays = [timedelta(days=20) if hour < late.get(day, 0) else timedelta(hours=2) for day, hour in bets]
    known = placed + pl.Series(delays)
    warnings = purge_warnings(placed, parts(placed, known, cuts), cuts)
    assert len(warnings) == len(begins)
    assert all(warning.startswith(beginning) for warning, beginning in zip(warnings, begins, strict=True))
    assert all("give a longer time" in warning for warning in warnings)
