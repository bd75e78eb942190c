"""A training set becomes a model and its evaluation: cut, calibrate, fit both learners, judge them on the test part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from feature_repo.errors import ConfigurationError
from ingestion.progress import Progress, silent
from training.curves import PartDay, parts_by_day
from training.dataset import TrainingSet
from training.evaluate import (
    Evaluation,
    OfferedPrice,
    Slice,
    TestPart,
    evaluate,
    every_bet,
    offered_price,
    slices,
    test_part,
)
from training.learning.boosted_trees import fit_boosted_trees
from training.learning.learners import WIN, LearningParts, Part, fit_linear
from training.learning.model import LEARNERS, LearnerName, WinModel, codes_seen, model_inputs, served_learner
from training.learning.probabilities import log_losses, probability
from training.learning.reference import Calibration, choose_calibration, fit_calibration
from training.split import PARTS, Cuts, day_cuts, parts, purge_warnings
from training.verdict import Estimate

# Upper ends of the bands of decimal prices that a model is looked at by.
ODDS_BANDS: Final = (1.5, 2.0, 3.0, 6.0, 20.0)


@dataclass(frozen=True)
class FittedModel:
    """A model, and what the test part says of it."""

    model: WinModel
    cuts: Cuts
    #: Bets of each part, by its name.
    bets: Mapping[str, int]
    #: Settled bets that no part has, by reason: neither won nor lost, or without a price.
    left_out: Mapping[str, int]
    #: Of the split, where a part lost most of its bets (`purge_warnings`).
    warnings: tuple[str, ...]
    #: The log loss on the validation part of every calibration that was tried, by what it shifts and how strongly.
    calibrations: Mapping[str, float]
    #: Trees of each seed.
    trees: tuple[int, ...]
    penalty: float
    #: The mean log loss on the validation part of the calibrated price and of both learners, all fitted on the training
    #: part alone: what `served_learner` goes by.
    validation_losses: Mapping[str, float]
    #: Of each seed of the trees, that loss after CURVE_STEP trees, twice as many, and so on.
    learning_curves: tuple[tuple[float, ...], ...]
    #: The reference on the test part, judged as a model would be, and betting on everything.
    reference: Evaluation
    #: The price as it was offered, there.
    offered: OfferedPrice
    every_bet: Estimate
    #: By learner.
    evaluations: Mapping[LearnerName, Evaluation]
    #: Differences of the served model by sport, book and price.
    slices: tuple[Slice, ...]
    #: How much worse (nats a bet) the served model gets when a feature of the test is shuffled.
    importance: Mapping[str, float]
    #: Standard deviation of the boosted model's difference between seeds, nats a bet.
    seed_spread: float
    #: When the bets of each part were placed.
    days: tuple[PartDay, ...]


@dataclass(frozen=True)
class PreparedBets:
    """A training set cut into parts, with the reference that a model learns on top of."""

    #: The bets with `won` and `part`, of all parts.
    eligible: pl.DataFrame
    #: Those of the test part.
    test: pl.DataFrame
    cuts: Cuts
    left_out: Mapping[str, int]
    #: Log losses on the validation part.
    calibrations: Mapping[str, float]
    #: The chosen one, fitted on training and validation.
    calibration: Calibration
    #: The codes of names that these two have.
    codes: Mapping[str, tuple[int, ...]]
    learned: LearningParts


def prepared_bets(training_set: TrainingSet, progress: Progress = silent) -> PreparedBets:
    """Cut a training set and calibrate the price. Raises as `fit_win` does."""
    eligible, left_out = graded_bets(training_set.frame)
    cuts = day_cuts(eligible["time_placed"])
    eligible = eligible.with_columns(parts(eligible["time_placed"], eligible["known_at"], cuts))
    train, validation, test = (eligible.filter(pl.col("part") == name) for name in PARTS[:3])
    _check_parts(train, validation, test)
    progress("calibrate the price", 0, None)
    columns, shrinkage, tried = choose_calibration(train, validation)
    both = pl.concat([train, validation])
    seen = codes_seen(both, training_set.features)

    def part_of(bets: pl.DataFrame, calibration: Calibration) -> Part:
        inputs = model_inputs(bets, training_set.features, seen)
        return Part(inputs, bets["won"].to_numpy().astype(float), calibration.log_odds(bets))

    first = fit_calibration(train, columns, shrinkage)
    calibration = fit_calibration(both, columns, shrinkage)
    learned = LearningParts(part_of(train, first), part_of(validation, first), part_of(both, calibration))
    calibrations = {f"{' + '.join(names) or 'price'}, {strength:g}": loss for names, strength, loss in tried}
    return PreparedBets(eligible, test, cuts, left_out, calibrations, calibration, seen, learned)


def fit_win(training_set: TrainingSet, progress: Progress = silent) -> FittedModel:
    """Train both learners of the win on a training set, and judge them.

    Raises ConfigurationError when the bets lie on too few days, or a part has no wins or no losses.
    """
    prepared = prepared_bets(training_set, progress)
    learned, calibration, test, eligible = prepared.learned, prepared.calibration, prepared.test, prepared.eligible
    progress("boosted trees", 0, None)
    boosted = fit_boosted_trees(WIN, learned, training_set.features)
    progress("logistic model", 0, None)
    logistic = fit_linear(WIN, learned)
    losses: dict[LearnerName, float] = {"boosted": boosted.validation_loss, "logistic": logistic.validation_loss}
    model = WinModel(
        tuple(training_set.features), prepared.codes, calibration, boosted.trees, logistic.model, served_learner(losses)
    )

    progress("evaluate", 0, None)
    tested = test_part(test, model.reference(test))
    chances = {learner: model.win_probability(test, learner) for learner in LEARNERS}
    differences = log_losses(tested.won, chances[model.served]) - log_losses(tested.won, tested.reference)
    return FittedModel(
        model,
        prepared.cuts,
        {name: eligible.filter(pl.col("part") == name).height for name in PARTS},
        prepared.left_out,
        purge_warnings(eligible["time_placed"], eligible["part"], prepared.cuts),
        prepared.calibrations,
        boosted.counts,
        logistic.penalty,
        {
            "price": learned.validation.loss(WIN, np.zeros(len(learned.validation.target))),
            "boosted": losses["boosted"],
            "logistic": losses["logistic"],
        },
        boosted.curves,
        evaluate(tested, tested.reference),
        offered_price(tested),
        every_bet(tested),
        {learner: evaluate(tested, chances[learner]) for learner in LEARNERS},
        tuple(slices(_banded(test), ("sport", "institution_name", "odds_band"), differences)),
        importance(model, test),
        seed_spread(model, test, tested),
        parts_by_day(eligible),
    )


def graded_bets(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """The bets that were won or lost at a known price, with `won`, and how many others there are by reason.

    `frame` has `is_win` (null where a bet was neither) and `implied_prob` (null without a price). The order stays.
    """
    ungraded = pl.col("is_win").is_null()
    unpriced = ~ungraded & pl.col("implied_prob").is_null()
    eligible = frame.filter(~ungraded & ~unpriced).with_columns(won=pl.col("is_win"))
    return eligible, {
        "neither won nor lost": frame.select(ungraded.sum()).item(),
        "without a price": frame.select(unpriced.sum()).item(),
    }


def _check_parts(*graded: pl.DataFrame) -> None:
    for name, bets in zip(PARTS, graded, strict=False):
        if bets["won"].n_unique() < 2:
            raise ConfigurationError(
                f"The {name} part has {bets.height:,} bets, and needs some that were won and some that were lost",
                "Nothing was trained or written",
                "Give a longer time: `--since` and `--until`, or load more bets",
            )


def importance(model: WinModel, test: pl.DataFrame, seed: int = 1) -> dict[str, float]:
    """How much worse the served model gets on the test when one of its inputs is shuffled, nats a bet, worst first.

    `test` are graded bets with the features. One number per feature; below 0 means that the model does better without.
    """
    won, offset = test["won"].to_numpy(), model.calibration.log_odds(test)
    inputs = model.inputs(test)
    whole = np.mean(log_losses(won, probability(offset + model.learned().added(inputs))))
    random = np.random.default_rng(seed)
    worse = {}
    for column, name in enumerate(model.features):
        shuffled = inputs.copy()
        shuffled[:, column] = random.permutation(shuffled[:, column])
        worse[name] = float(np.mean(log_losses(won, probability(offset + model.learned().added(shuffled)))) - whole)
    return dict(sorted(worse.items(), key=lambda item: (-item[1], item[0])))


def seed_spread(model: WinModel, test: pl.DataFrame, tested: TestPart) -> float:
    """How far the models of single seeds lie apart in mean log loss (standard deviation, nats a bet).

    `test` are the bets of `tested`, with the features. 0 where there is a single seed.
    """
    offset = model.calibration.log_odds(test)
    losses = [
        float(np.mean(log_losses(tested.won, probability(offset + added))))
        for added in model.boosted.added_by_seed(model.inputs(test))
    ]
    return float(np.std(losses, ddof=1)) if len(losses) > 1 else 0.0


def _banded(bets: pl.DataFrame) -> pl.DataFrame:
    """The bets with `odds_band`, of the decimal price, the lowest first."""
    price = 1 / pl.col("implied_prob").cast(pl.Float64)
    bands = {f"up to {upper:g}": price <= upper for upper in ODDS_BANDS}
    highest = f"above {ODDS_BANDS[-1]:g}"
    band = pl.coalesce(pl.when(within).then(pl.lit(name)) for name, within in bands.items()).fill_null(highest)
    return bets.with_columns(odds_band=band.cast(pl.Enum([*bands, highest])))
