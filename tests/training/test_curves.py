"""What the page of a model draws, beside slow sums that are obviously right."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from training.curves import parts_by_day, reliability, wagers_by_day
from training.evaluate import TestPart as PartOfTest
from training.evaluate import bets_at, evaluate, kelly_stakes
from training.learning.probabilities import log_losses


@pytest.fixture
def part() -> PartOfTest:
    random = np.random.default_rng(1)
    chance, won = random.uniform(0.2, 0.8, 60), random.random(60) < 0.5
    odds = 1 / chance
    returns = np.where(won, odds - 1, -1.0)
    returns[3] = np.nan  # a free bet
    first = date(2026, 5, 1).toordinal() - date(1970, 1, 1).toordinal()
    return PartOfTest(won, chance, odds, returns, first + np.arange(60) // 20, np.arange(60))


def test_days_of_a_test_add_up_to_difference_profit_and_bankroll(part: PartOfTest) -> None:
    probability = np.clip(part.reference + 0.05, 0, 1)
    judged = evaluate(part, probability)
    assert [day.day for day in judged.days] == ["2026-05-01", "2026-05-02", "2026-05-03"]
    flat, bankroll = 0.0, 1.0
    for number, day in enumerate(judged.days):
        morning, made = bankroll, 0
        differences = []
        for bet in range(20 * number, 20 * number + 20):
            difference = log_losses(part.won[[bet]], probability[[bet]]) - log_losses(
                part.won[[bet]], part.reference[[bet]]
            )
            differences.append(float(difference[0]))
            promised = probability[bet] * part.decimal_odds[bet] - 1
            if promised > 0.02 and np.isfinite(part.returns[bet]):
                made += 1
                flat += part.returns[bet]
                stake = min(0.25 * promised / (part.decimal_odds[bet] - 1), 0.01)
                bankroll += morning * stake * part.returns[bet]
        assert (day.bets, day.made) == (20, made)
        assert (day.flat, day.bankroll) == pytest.approx((flat, bankroll))
        assert day.difference == pytest.approx(np.mean(differences))
    at_margin = next(bets for bets in judged.bets if bets.margin == 0.02)
    assert at_margin.bankroll == pytest.approx(bankroll)
    assert at_margin.bets == sum(day.made for day in judged.days)


def test_bankroll_that_is_lost_stays_lost() -> None:
    stakes, returns, days = np.array([1.0, 1.0]), np.array([-1.0, 5.0]), np.array([0, 1])
    assert wagers_by_day(stakes, returns, np.array([True, True]), days) == {0: (1, -1.0, 0.0), 1: (1, 4.0, 0.0)}


def test_bets_without_a_promise_leave_the_bankroll_alone(part: PartOfTest) -> None:
    nothing = np.full(60, -0.5)
    assert bets_at(part, nothing, 0.0).bankroll == 1.0
    assert (kelly_stakes(part, np.full(60, 9.0)) == 0.01).all()


def test_reliability_has_every_bet_in_the_tenth_of_the_probability() -> None:
    probability = np.array([0.05, 0.07, 0.55, 1.0, 0.95])
    won = np.array([False, True, True, True, False])
    bins = reliability(won, probability)
    assert [(each.bets, each.won) for each in bins] == [(2, 0.5), (1, 1.0), (2, 0.5)]
    assert [each.promised for each in bins] == pytest.approx([0.06, 0.55, 0.975])


def test_days_of_the_parts_count_each_bet_once_in_utc() -> None:
    midnight = datetime(2026, 5, 2, tzinfo=UTC)
    placed = [midnight - timedelta(minutes=1), midnight, midnight + timedelta(hours=1), midnight + timedelta(days=3)]
    bets = pl.DataFrame({"time_placed": placed, "part": ["train", "purged", "validation", "test"]})
    assert [(day.day, day.train, day.validation, day.test, day.purged) for day in parts_by_day(bets)] == [
        ("2026-05-01", 1, 0, 0, 0), ("2026-05-02", 0, 1, 0, 1), ("2026-05-05", 0, 0, 1, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("days", "opening"),
    [(2, "Too few days to say whether it would have paid (2.0 effective): "), (12, "Would have paid: ")],
)
def test_winning_bets_of_a_few_days_are_no_proof_that_betting_would_have_paid(days: int, opening: str) -> None:
    won = np.ones(days * 2, dtype=bool)
    placed, events = np.repeat(np.arange(days), 2), np.arange(days * 2)
    part = PartOfTest(won, np.full(len(won), 0.5), np.full(len(won), 2.0), np.ones(len(won)), placed, events)
    judged = evaluate(part, np.full(len(won), 0.6))
    assert (
        judged.money
        == f"{opening}{days * 2} bets at a margin of 2% returned +100.0% [+100.0%, +100.0%], +20.0% promised."
    )
