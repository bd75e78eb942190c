"""The calibrated price: what fits it, what it shrinks, how it is kept."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from training.learning.probabilities import log_losses, log_odds_of, probability
from training.learning.reference import Calibration, choose_calibration, fit_calibration
from training.learning.ridge import fit_logistic_ridge


def _bets(count: int, seed: int, shifts: dict[str, float]) -> pl.DataFrame:
    """Bets at prices that are wrong by a shift of each sport."""
    random = np.random.default_rng(seed)
    sports = random.choice(list(shifts), count)
    implied = random.uniform(0.1, 0.9, count)
    chance = probability(log_odds_of(implied) + np.array([shifts[sport] for sport in sports]))
    return pl.DataFrame(
        {
            "won": random.random(count) < chance,
            "implied_prob": implied,
            "sport": sports,
            "market": ["Moneyline"] * count,
            "institution_name": random.choice(["A", "B"], count),
        }
    )


def test_ridge_weights_have_no_gradient_left():
    random = np.random.default_rng(1)
    inputs, offset = random.normal(size=(500, 4)), random.normal(size=500)
    won, penalties = random.random(500) < 0.4, np.array([0.0, 1.0, 10.0, 100.0])
    weights = fit_logistic_ridge(inputs, won, offset, penalties)
    gradient = inputs.T @ (probability(offset + inputs @ weights) - won) + penalties * weights
    assert np.abs(gradient).max() < 1e-8


def test_shift_of_a_sport_is_found():
    bets = _bets(20_000, 1, {"Soccer": 0.0, "Tennis": -0.4})
    calibration = fit_calibration(bets, ("sport", "market"), 25.0)
    tennis, soccer = (
        calibration.log_odds(pl.DataFrame({"implied_prob": [0.5], "sport": [sport], "market": ["Moneyline"]}))[0]
        for sport in ("Tennis", "Soccer")
    )
    assert tennis - soccer == pytest.approx(-0.4, abs=0.1)


def test_shift_of_few_bets_is_shrunk():
    few = _bets(40, 2, {"Tennis": -3.0})
    many = _bets(4_000, 1, {"Soccer": 0.0})
    strong, weak = (fit_calibration(pl.concat([many, few]), ("sport", "market"), shrinkage) for shrinkage in (400, 5))
    assert abs(strong.shifts["sport"]["Tennis"]) < abs(weak.shifts["sport"]["Tennis"]) / 3


def test_validation_part_chooses_shifts_only_where_there_are_some():
    sports = {f"sport {number}": 0.0 for number in range(30)}
    columns, *_ = choose_calibration(_bets(3_000, 1, sports), _bets(3_000, 2, sports))
    assert columns == ()
    shifted = {"Soccer": 0.5, "Tennis": -0.5}
    columns, *_ = choose_calibration(_bets(3_000, 1, shifted), _bets(3_000, 2, shifted))
    assert "sport" in columns


def test_name_that_training_never_saw_has_no_shift():
    calibration = fit_calibration(_bets(500, 1, {"Soccer": 0.5}), ("sport", "market"), 25.0)
    new = pl.DataFrame({"implied_prob": [0.3], "sport": ["Curling"], "market": [None]})
    assert calibration.log_odds(new)[0] == pytest.approx(
        calibration.intercept + calibration.slope * log_odds_of(np.array([0.3]))[0]
    )


def test_calibration_survives_json():
    calibration = fit_calibration(_bets(500, 1, {"Soccer": 0.5}), ("sport", "market"), 25.0)
    assert Calibration.from_document(json.loads(json.dumps(calibration.document()))) == calibration


def test_certain_price_costs_a_finite_loss():
    assert np.isfinite(log_losses(np.array([False]), probability(log_odds_of(np.array([1.0]))))).all()
