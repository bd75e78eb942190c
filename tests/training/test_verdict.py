"""The verdict follows a fixed rule, from the larger of two clustered errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from training.verdict import clustered_mean, judge_model


def test_clustered_error_of_single_bets_is_the_error_of_a_mean():
    values = np.array([0.3, -0.1, 0.2, 0.9, -0.4])
    labels = np.arange(5)
    estimate = clustered_mean(values, labels, labels)
    low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
    assert (estimate.low, estimate.high) == pytest.approx((low, high))


def test_clustered_error_counts_equal_bets_of_an_event_once():
    values = np.array([0.3, -0.1, 0.2, 0.9, -0.4])
    labels = np.arange(5)
    once, thrice = (
        clustered_mean(values, labels, labels),
        clustered_mean(*(np.repeat(x, 3) for x in (values, labels, labels))),
    )
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))


def test_larger_of_both_errors_counts():
    days = np.repeat(np.arange(40), 10)
    values = np.repeat(np.random.default_rng(1).normal(size=40), 10)
    assert clustered_mean(values, days, np.arange(400)).clustered_by == "day"
    events = np.tile(np.arange(10), 40)
    by_event = np.tile(np.random.default_rng(1).normal(size=10), 40)
    assert clustered_mean(by_event, days, events).clustered_by == "event"


@pytest.mark.parametrize(
    ("days", "mean", "noise", "conclusion"),
    [
        (27, -0.01, 0.001, "too few days to say"),
        (28, -0.01, 0.001, "better"),
        (28, 0.01, 0.001, "worse"),
        (28, -0.01, 0.5, "not to be told apart"),
        (28, -0.00009, 0.000001, "not to be told apart"),
        (28, -0.00011, 0.000001, "better"),
    ],
)
def test_conclusion_follows_the_rule(days, mean, noise, conclusion):
    labels = np.repeat(np.arange(days), 20)
    events = np.arange(len(labels)) // 4
    differences = mean + noise * np.random.default_rng(3).normal(size=len(labels))
    differences += mean - differences.mean()
    judged = judge_model(differences, labels, events)
    assert judged.conclusion == conclusion
    assert judged.sentence.lower().startswith(conclusion)


def test_many_days_with_nearly_all_bets_on_a_single_day_are_too_few():
    days = np.concatenate([np.arange(60), np.full(5_000, 60)])
    judged = judge_model(np.full(len(days), -0.01) + np.random.default_rng(1).normal(0, 0.001, len(days)), days, days)
    assert (judged.conclusion, judged.days) == ("too few days to say", 61)
    assert judged.effective_days < 2
