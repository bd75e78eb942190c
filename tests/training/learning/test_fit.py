"""Both learners on top of the calibrated price: what they add, what they never saw, and what they find in nothing."""

from __future__ import annotations

import dataclasses
import math
import re
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from feature_repo.errors import ConfigurationError
from tests.builders.training_sets import world
from training.evaluate import offered_price, slices
from training.evaluate import test_part as part_of_test
from training.learning.boosted_trees import boosting_library, fit_boosted_trees
from training.learning.fit import FittedModel, fit_win, graded_bets
from training.learning.learners import RETURNS, WIN, LearningParts, LinearModel, Part, fit_linear
from training.learning.model import WinModel, file_digest, save_files, served_learner
from training.learning.probabilities import probability
from training.learning.returns import fit_returns


@pytest.fixture(scope="module")
def fitted() -> FittedModel:
    return fit_win(world(1, edge=0.8, events_a_day=10))


def test_edge_of_a_feature_is_found(fitted: FittedModel) -> None:
    assert {each.verdict.conclusion for each in fitted.evaluations.values()} == {"better"}
    assert next(iter(fitted.importance)) == "signal"


def test_bands_of_prices_are_listed_from_low_to_high_and_books_from_most_bets_on() -> None:
    bands = pl.Enum(["up to 1.5", "up to 2", "above 2"])
    test = pl.DataFrame(
        {"odds_band": ["above 2", "up to 2", "up to 2", "up to 1.5"], "book": ["A", "B", "B", None]},
        schema={"odds_band": bands, "book": pl.String},
    )
    parts = slices(test, ["odds_band", "book"], np.array([4.0, 1.0, 2.0, 3.0]), fewest=1)
    assert [(part.value, part.bets, part.difference) for part in parts] == [
        ("up to 1.5", 1, 3.0),
        ("up to 2", 2, 1.5),
        ("above 2", 1, 4.0),
        ("B", 2, 1.5),
        ("(none)", 1, 3.0),
        ("A", 1, 4.0),
    ]


def test_bands_of_prices_in_the_test_part_rise(fitted: FittedModel) -> None:
    bands = [part.value for part in fitted.slices if part.column == "odds_band"]
    assert len(bands) > 1
    rising = ["up to 1.5", "up to 2", "up to 3", "up to 6", "up to 20", "above 20"]
    assert bands == [band for band in rising if band in bands]


def test_price_as_offered_is_scored_by_inverse_odds_and_compared_with_the_reference_on_each_bet() -> None:
    bets = graded_bets(world(4, days=6).frame)[0]
    reference = np.clip(bets["implied_prob"].to_numpy() * 0.9, 0.01, 0.99)
    offered = offered_price(part_of_test(bets, reference))
    odds = (1 / bets["implied_prob"]).to_list()
    losses = [-math.log(1 / price if won else 1 - 1 / price) for price, won in zip(odds, bets["won"], strict=True)]
    calibrated = [-math.log(each if won else 1 - each) for each, won in zip(reference, bets["won"], strict=True)]
    assert offered.scores.log_loss == pytest.approx(np.mean(losses))
    assert offered.scores.brier == pytest.approx(
        np.mean([(1 / price - won) ** 2 for price, won in zip(odds, bets["won"], strict=True)])
    )
    assert offered.difference.mean == pytest.approx(np.mean(losses) - np.mean(calibrated))
    assert offered.difference.low < offered.difference.mean < offered.difference.high


def test_offered_and_calibrated_price_of_a_fitted_model_are_two(fitted: FittedModel) -> None:
    assert fitted.offered.scores != fitted.reference.scores
    assert fitted.offered.difference.mean == pytest.approx(
        fitted.offered.scores.log_loss - fitted.reference.scores.log_loss
    )


def test_probability_is_that_of_price_and_trees_together(fitted: FittedModel) -> None:
    """LightGBM's own predictions leave out the offset that it was trained with."""
    bets = graded_bets(world(2, edge=0.8, days=5).frame)[0]
    model = fitted.model
    raw = np.mean(
        [
            boosting_library().Booster(model_str=text).predict(model.inputs(bets), raw_score=True)
            for text in model.boosted.texts
        ],
        axis=0,
    )
    chances = model.win_probability(bets, "boosted")
    assert chances == pytest.approx(probability(model.calibration.log_odds(bets) + raw), abs=1e-12)
    assert abs(np.mean(chances) - np.mean(model.reference(bets))) < 0.05


def test_code_that_training_never_saw_is_missing_to_the_model(fitted: FittedModel) -> None:
    bets = graded_bets(world(2, days=2).frame)[0].with_columns(sport="sport")
    new, unknown, null = (bets.with_columns(sport_encoded=pl.lit(code, dtype=pl.Int64)) for code in (77, 0, None))
    assert np.isnan(fitted.model.inputs(new)[:, -1]).all()
    expected = fitted.model.win_probability(null)
    assert (fitted.model.win_probability(new) == expected).all()
    assert (fitted.model.win_probability(unknown) == expected).all()
    assert fitted.model.codes == {"sport_encoded": (1, 2, 3)}


def test_bet_without_a_price_has_no_probability(fitted: FittedModel) -> None:
    bets = graded_bets(world(2, days=2).frame)[0].with_columns(implied_prob=pl.lit(None, dtype=pl.Float64))
    assert np.isnan(fitted.model.win_probability(bets)).all()


def test_saved_model_gives_the_same_probabilities(fitted: FittedModel, tmp_path: Path) -> None:
    bets = graded_bets(world(2, days=5).frame)[0]
    save_files(tmp_path, fitted.model.files())
    loaded = WinModel.load(tmp_path)
    for learner in ("boosted", "logistic"):
        assert (loaded.win_probability(bets, learner) == fitted.model.win_probability(bets, learner)).all()


def test_saved_model_that_names_no_served_learner_is_refused(fitted: FittedModel, tmp_path: Path) -> None:
    files = {name: text.replace('"served"', '"other"') for name, text in fitted.model.files().items()}
    save_files(tmp_path, files)
    with pytest.raises(ConfigurationError, match="does not hold a whole model: 'served'"):
        WinModel.load(tmp_path)


def test_digest_of_a_model_is_the_same_for_any_number_of_threads(fitted: FittedModel) -> None:
    text = fitted.model.boosted.texts[0]
    other = re.sub(r"\[num_threads: \d+\]", "[num_threads: 7]", text)
    assert other != text
    assert file_digest(other) == file_digest(text)
    assert file_digest(text.replace("leaf_value=", "leaf_value=1", 1)) != file_digest(text)


def test_models_are_hardly_ever_better_in_worlds_without_skill() -> None:
    """benchmarks/training.py counts them in many more worlds."""
    worlds = [fit_win(world(seed, events_a_day=4)).evaluations for seed in range(8)]
    for learner in ("boosted", "logistic"):
        assert sum(evaluations[learner].verdict.conclusion == "better" for evaluations in worlds) <= 1
    assert not any(each.verdict.conclusion == "better" and each.money.startswith("Would have paid")
                   for evaluations in worlds for each in evaluations.values())  # fmt: skip


def test_returns_are_judged_by_squared_errors_beside_the_mean_return() -> None:
    training_set = world(3, edge=1.0, events_a_day=10)
    win = fit_win(training_set)
    returns = fit_returns(training_set, win.cuts, win.model.codes)
    test = graded_bets(training_set.frame)[0].filter(pl.col("time_placed").dt.date() >= win.cuts.test)
    target = test["profit_cents"].to_numpy() / test["amount_cents"].to_numpy()
    before = training_set.frame.filter(pl.col("time_placed").dt.date() < win.cuts.test)
    mean = float((before["profit_cents"] / before["amount_cents"]).mean())  # type: ignore[arg-type]
    assert returns.model.mean == pytest.approx(mean)
    assert returns.reference_mse == pytest.approx(np.mean((target - mean) ** 2))
    for learner, judged in returns.evaluations.items():
        expected = returns.model.expected_return(test, learner)
        assert judged.mse == pytest.approx(np.mean((target - expected) ** 2))
        assert judged.verdict.difference.mean == pytest.approx(judged.mse - returns.reference_mse)
        assert judged.mse < returns.reference_mse
    assert "mean return" in returns.evaluations["ridge"].verdict.sentence


def test_linear_weights_are_those_of_least_squares_when_nothing_is_penalised() -> None:
    random = np.random.default_rng(1)
    inputs, target = random.normal(size=(200, 3)), random.normal(size=200)
    weights = RETURNS.weights(inputs, target, np.full(200, 0.5), np.zeros(3))
    assert weights == pytest.approx(np.linalg.lstsq(inputs, target - 0.5, rcond=None)[0])


def test_feature_that_never_varied_and_values_that_are_missing_count_for_nothing() -> None:
    random = np.random.default_rng(1)
    inputs = np.column_stack([random.normal(size=400), np.full(400, 3.0)])
    inputs[::4, 0] = np.nan
    part = Part(inputs, (random.random(400) < 0.5).astype(float), np.zeros(400))
    model = fit_linear(WIN, LearningParts(part, part, part)).model
    nothing = model.added(np.array([[np.nan, 9.0]]))
    assert nothing == pytest.approx([model.intercept])
    assert isinstance(model, LinearModel)


def test_part_that_lost_every_bet_cannot_be_trained_on() -> None:
    training_set = world(1, days=20)
    lost = dataclasses.replace(training_set, frame=training_set.frame.with_columns(is_win=pl.lit(value=False)))
    with pytest.raises(ConfigurationError, match=r"train part has .* won"):
        fit_win(lost)


def test_missing_openmp_library_is_named_with_a_package_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "lightgbm.py").write_text(
        "raise OSError('libgomp.so.1: cannot open shared object file: No such file or directory')"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    part = Part(np.zeros((2, 1)), np.array([0.0, 1.0]), np.zeros(2))
    with pytest.raises(ConfigurationError, match=r"libgomp\.so\.1.* Nothing was trained.*libgomp1"):
        fit_boosted_trees(WIN, LearningParts(part, part, part), ["feature"])


@pytest.mark.parametrize(
    ("boosted", "logistic", "served"), [(0.1, 0.2, "boosted"), (0.2, 0.1, "logistic"), (0.1, 0.1, "logistic")]
)
def test_learner_with_the_smaller_loss_on_validation_is_served(boosted: float, logistic: float, served: str) -> None:
    assert served_learner({"boosted": boosted, "logistic": logistic}) == served


def test_served_learner_is_chosen_without_the_test_part(fitted: FittedModel) -> None:
    """A world whose test part ends the other way round has the same learner, by the same losses."""
    same = world(1, edge=0.8, events_a_day=10)
    in_test = pl.col("time_placed").dt.date() >= fitted.cuts.test
    flipped = dataclasses.replace(
        same, frame=same.frame.with_columns(is_win=pl.when(in_test).then(~pl.col("is_win")).otherwise(pl.col("is_win")))
    )
    judged = fit_win(flipped)
    assert judged.validation_losses == fitted.validation_losses
    assert (
        judged.model.served
        == fitted.model.served
        == served_learner({learner: fitted.validation_losses[learner] for learner in ("boosted", "logistic")})
    )
    assert judged.evaluations["boosted"].verdict.conclusion == "worse"
    bets = graded_bets(same.frame)[0].head(50)
    assert (judged.model.win_probability(bets) == judged.model.win_probability(bets, judged.model.served)).all()


def test_loss_on_validation_is_that_of_the_weights_of_the_training_part_alone() -> None:
    random = np.random.default_rng(1)
    train, validation = (
        Part(random.normal(size=(4_000, 2)), (random.random(4_000) < 0.5).astype(float), np.zeros(4_000))
        for _ in range(2)
    )
    both = Part(*(np.concatenate([getattr(train, name), getattr(validation, name)])
                  for name in ("inputs", "target", "offset")))  # fmt: skip
    linear = fit_linear(WIN, LearningParts(train, validation, both))
    alone = fit_linear(WIN, LearningParts(train, validation, train))
    assert linear.validation_loss == pytest.approx(validation.loss(WIN, alone.model.added(validation.inputs)))
    assert linear.validation_loss != pytest.approx(validation.loss(WIN, linear.model.added(validation.inputs)))
    trees = fit_boosted_trees(WIN, LearningParts(train, validation, train), ["a", "b"], seeds=(1, 2))
    assert trees.validation_loss == pytest.approx(validation.loss(WIN, trees.trees.added(validation.inputs)))
    assert [len(curve) >= count // 10 for curve, count in zip(trees.curves, trees.counts, strict=True)] == [True, True]
