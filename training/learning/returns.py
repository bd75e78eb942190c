"""The models of the return: what a stake of 1 brings beyond itself, beside its mean as the reference.

They are judged by the squared error. The mean absolute error is smallest for a model that says that every bet loses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import polars as pl

from ingestion.progress import Progress, silent
from training.dataset import TrainingSet
from training.evaluate import MARGINS, BetsAtMargin, bets_at, test_part
from training.learning.boosted_trees import BoostedTrees, fit_boosted_trees
from training.learning.learners import (
    RETURNS,
    LearningParts,
    LinearModel,
    Part,
    fit_linear,
    squared_errors,
)
from training.learning.model import model_inputs
from training.learning.probabilities import Numbers
from training.split import PARTS, Cuts, parts
from training.verdict import SQUARED_ERROR, ModelVerdict, judge_model

ReturnLearner = Literal["boosted", "ridge"]
RETURN_LEARNERS: Final[tuple[ReturnLearner, ...]] = ("boosted", "ridge")


@dataclass(frozen=True)
class ReturnModel:
    """The return on a stake of 1 that a bet is expected to bring, from its features when it was placed."""

    features: tuple[str, ...]
    #: As of WinModel.
    codes: Mapping[str, tuple[int, ...]]
    #: The mean return of training and validation.
    mean: float
    boosted: BoostedTrees
    ridge: LinearModel

    def expected_return(self, bets: pl.DataFrame, learner: ReturnLearner = "boosted") -> Numbers:
        """The expected return of each bet; `bets` has the features.

        Profit over stake: -1 is a lost stake, 0.05 a gain of 5 %. One number a bet, in their order.
        """
        added = getattr(self, learner).added(model_inputs(bets, self.features, self.codes))
        return np.asarray(self.mean + added, dtype=float)

    def files(self) -> dict[str, str]:
        """The text of each file of the model, by its name."""
        weights = json.dumps({"mean": self.mean, "ridge": asdict(self.ridge)}, sort_keys=True, indent=1)
        trees = {f"return-trees-{number}.txt": text for number, text in enumerate(self.boosted.texts)}
        return {"return-weights.json": weights, **trees}


@dataclass(frozen=True)
class ReturnEvaluation:
    """A model of the return on the test part."""

    verdict: ModelVerdict
    #: Mean squared error.
    mse: float
    bets: tuple[BetsAtMargin, ...]


@dataclass(frozen=True)
class FittedReturns:
    """The models of the return, and what the test part says of them."""

    model: ReturnModel
    #: Bets of each part, by its name.
    bets: Mapping[str, int]
    trees: tuple[int, ...]
    penalty: float
    #: The mean squared error of the mean.
    reference_mse: float
    #: By learner.
    evaluations: Mapping[ReturnLearner, ReturnEvaluation]


def fit_returns(
    training_set: TrainingSet, cuts: Cuts, codes: Mapping[str, tuple[int, ...]], progress: Progress = silent
) -> FittedReturns:
    """Train both models of the return on every settled bet that risked something, and judge them.

    `codes` are those that the models may know, as of WinModel.
    """
    progress("models of the return", 0, None)
    staked = training_set.frame.filter(pl.col("amount_cents") > 0, pl.col("implied_prob").is_not_null())
    staked = staked.with_columns(
        parts(staked["time_placed"], staked["known_at"], cuts),
        won=pl.col("is_win").fill_null(value=False),
        target=pl.col("profit_cents").cast(pl.Float64) / pl.col("amount_cents"),
    )
    by_part = {name: staked.filter(pl.col("part") == name) for name in PARTS}
    features = training_set.features

    def part_of(bets: pl.DataFrame, mean: float) -> Part:
        return Part(model_inputs(bets, features, codes), bets["target"].to_numpy(), np.full(bets.height, mean))

    first = _mean(by_part["train"])
    both = pl.concat([by_part["train"], by_part["validation"]])
    mean = _mean(both)
    learned = LearningParts(
        part_of(by_part["train"], first), part_of(by_part["validation"], first), part_of(both, mean)
    )
    boosted = fit_boosted_trees(RETURNS, learned, features)
    ridge = fit_linear(RETURNS, learned)
    model = ReturnModel(tuple(features), codes, mean, boosted.trees, ridge.model)
    test, target = by_part["test"], by_part["test"]["target"].to_numpy()
    return FittedReturns(
        model,
        {name: bets.height for name, bets in by_part.items()},
        boosted.counts,
        ridge.penalty,
        float(np.mean(squared_errors(target, np.full(len(target), mean)))),
        {learner: _evaluate(test, model.expected_return(test, learner), mean) for learner in RETURN_LEARNERS},
    )


def _evaluate(test: pl.DataFrame, expected: Numbers, mean: float) -> ReturnEvaluation:
    part, target = test_part(test, np.full(test.height, np.nan)), test["target"].to_numpy()
    errors = squared_errors(target, expected)
    differences = errors - squared_errors(target, np.full(len(target), mean))
    return ReturnEvaluation(
        judge_model(differences, part.days, part.events, SQUARED_ERROR),
        float(np.mean(errors)),
        tuple(bets_at(part, expected, margin) for margin in MARGINS),
    )


def _mean(bets: pl.DataFrame) -> float:
    mean: Any = bets["target"].mean()
    return float(mean)
