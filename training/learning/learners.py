"""The two models of a target, beside each other: boosted trees and a weighted sum, both on top of the reference.

Either learns only what the reference does not say: what it predicts is what the reference does plus what it adds. Where
it finds nothing it adds nothing, and equals the reference. Of the win that is in log-odds, of the return in returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from feature_repo.errors import ConfigurationError
from training.learning.probabilities import Numbers, log_losses, probability
from training.learning.ridge import fit_linear_ridge, fit_logistic_ridge

# A gradient-boosted model overfits bets fast: small trees, slow steps, strong shrinkage.
BOOSTING: Final[Mapping[str, Any]] = {
    "learning_rate": 0.02,
    "num_leaves": 7,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 50.0,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
MOST_TREES: Final = 2_000
# Trees without progress on the validation part after which training stops.
FRUITLESS_TREES: Final = 60
SEEDS: Final = (1, 2, 3, 4, 5)
# A leaf of a large training part holds at least so many bets; of a smaller one, its fiftieth and no fewer than 100.
LEAF: Final = 1_000
SMALLEST_LEAF: Final = 100
_ROWS_FOR_THREADS: Final = 100_000
# What the squares of the weights are multiplied by, tried on the validation part.
PENALTIES: Final = (10.0, 100.0, 1_000.0, 10_000.0)


def boosting_library() -> Any:
    """LightGBM. Raises ConfigurationError where the system lacks the OpenMP library that it is linked with."""
    try:
        import lightgbm
    except OSError as error:
        raise ConfigurationError(
            f"LightGBM cannot be loaded: {error}",
            "Nothing was trained or scored; the store works without it",
            "Install the OpenMP run-time library: `apt-get install libgomp1` (Debian, Ubuntu), `dnf install libgomp` "
            "(Fedora, RHEL), `brew install libomp` (macOS)",
        ) from error
    return lightgbm


@dataclass(frozen=True)
class Target:
    """What is learned."""

    #: LightGBM's name of the loss.
    objective: str
    #: What a prediction costs for each bet: of the target's values and what is predicted.
    losses: Callable[[Numbers, Numbers], Numbers]
    #: The weights of inputs, target values, offset and penalties.
    weights: Callable[[Any, Numbers, Numbers, Numbers], Numbers]


def _win_losses(won: Numbers, log_odds: Numbers) -> Numbers:
    return log_losses(won > 0, probability(log_odds))


def squared_errors(target: Numbers, predicted: Numbers) -> Numbers:
    """The squared error of each bet. Absolute errors would reward saying that every bet loses."""
    return np.asarray((target - predicted) ** 2, dtype=float)


#: 1 for a bet that was won, 0 for one that was lost; predicted in log-odds.
WIN: Final = Target("binary", _win_losses, fit_logistic_ridge)
#: What a stake of 1 returned beyond itself.
RETURNS: Final = Target("regression", squared_errors, fit_linear_ridge)


@dataclass(frozen=True)
class Part:
    """A part of a training set as numbers: a row for each bet, in order."""

    #: Features, in the order of the set's columns; NaN where one is null.
    inputs: Numbers
    #: The target's values.
    target: Numbers
    #: What the reference predicts.
    offset: Numbers

    def loss(self, target: Target, added: Numbers) -> float:
        """Mean loss of a model that adds this."""
        return float(np.mean(target.losses(self.target, self.offset + added)))


@dataclass(frozen=True)
class LearningParts:
    """What a learner is fitted on: what it may choose by, and what it is fitted on once it has chosen."""

    train: Part
    validation: Part
    #: The bets of both, with the predictions of the reference that was fitted on both.
    both: Part


# ---- boosted trees ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BoostedTrees:
    """LightGBM models that differ in their seed only; what they add is averaged."""

    #: Each in LightGBM's own text format.
    texts: tuple[str, ...]

    def added(self, inputs: Numbers) -> Numbers:
        """The mean of what the models add."""
        return np.asarray(np.mean(self.added_by_seed(inputs), axis=0), dtype=float)

    def added_by_seed(self, inputs: Numbers) -> list[Numbers]:
        """What each of them adds."""
        # One thread: a process that forks, as servers do, must not wait for those of its parent.
        return [
            np.asarray(booster.predict(inputs, raw_score=True, num_threads=1), dtype=float)
            for booster in self._boosters
        ]

    def gains(self) -> Numbers:
        """What each feature takes off the loss in training, as a share of what all do; the mean of the models."""
        gains = np.mean([booster.feature_importance("gain") for booster in self._boosters], axis=0)
        return np.asarray(gains / (gains.sum() or 1.0), dtype=float)

    @cached_property
    def _boosters(self) -> list[Any]:
        lightgbm = boosting_library()
        return [lightgbm.Booster(model_str=text) for text in self.texts]


def fit_boosted_trees(
    target: Target, parts: LearningParts, features: Sequence[str], seeds: Sequence[int] = SEEDS
) -> tuple[BoostedTrees, list[int]]:
    """Stop each seed early on the validation part, then fit it on both with as many trees. Returns those numbers."""
    texts, trees = [], []
    for seed in seeds:
        parameters = _parameters(target, parts.train, seed)
        count = _best_trees(parameters, parts.train, parts.validation, features)
        texts.append(_boosted(parameters, parts.both, features, count))
        trees.append(count)
    return BoostedTrees(tuple(texts)), trees


def tree_text(text: str) -> str:
    """The trees of a model's text, without the parameters: these name the number of threads, which changes no tree."""
    return text.partition("\nparameters:")[0]


def _parameters(target: Target, train: Part, seed: int) -> dict[str, Any]:
    leaf = min(LEAF, max(SMALLEST_LEAF, len(train.target) // 50))
    # The trees do not depend on it. A second thread costs more than it brings here, and waits for a busy core.
    threads = 1 if len(train.target) < _ROWS_FOR_THREADS else 0
    return {**BOOSTING, "objective": target.objective, "min_data_in_leaf": leaf, "seed": seed, "num_threads": threads}


def _best_trees(parameters: dict[str, Any], train: Part, validation: Part, features: Sequence[str]) -> int:
    lightgbm = boosting_library()
    fitted = _dataset(train, features)
    booster = lightgbm.train(
        parameters,
        fitted,
        num_boost_round=MOST_TREES,
        valid_sets=[_dataset(validation, features, fitted)],
        callbacks=[lightgbm.early_stopping(FRUITLESS_TREES, verbose=False)],
    )
    return int(booster.best_iteration)


def _boosted(parameters: dict[str, Any], part: Part, features: Sequence[str], trees: int) -> str:
    return str(boosting_library().train(parameters, _dataset(part, features), num_boost_round=trees).model_to_string())


def _dataset(part: Part, features: Sequence[str], reference: Any = None) -> Any:
    return boosting_library().Dataset(
        part.inputs,
        label=part.target,
        init_score=part.offset,
        feature_name=list(features),
        reference=reference,
        free_raw_data=False,
    )


# ---- weighted sums ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LinearModel:
    """A weighted sum of standardised features; a feature that is null counts as its mean."""

    #: Of each feature in the trained order, as are the others.
    means: tuple[float, ...]
    #: Standard deviations; 0 for a feature that never varied, which counts for nothing.
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> LinearModel:
        """The model whose attributes are the members of a JSON object."""
        means, scales, weights = (tuple(document[name]) for name in ("means", "scales", "weights"))
        return cls(means, scales, weights, document["intercept"])

    def added(self, inputs: Numbers) -> Numbers:
        """The weighted sum."""
        return np.asarray(_standardised(inputs, self.means, self.scales) @ np.array(self.weights) + self.intercept)


def fit_linear(target: Target, parts: LearningParts) -> tuple[LinearModel, float]:
    """Choose the penalty on the validation part, then fit on both. Returns the penalty too."""
    losses = {
        penalty: parts.validation.loss(target, _linear(target, parts.train, penalty).added(parts.validation.inputs))
        for penalty in PENALTIES
    }
    best = min(losses, key=lambda penalty: (losses[penalty], -penalty))
    return _linear(target, parts.both, best), best


def _linear(target: Target, part: Part, penalty: float) -> LinearModel:
    """The target on standardised features, with the reference as the offset."""
    with np.errstate(invalid="ignore"):
        known = np.isfinite(part.inputs)
        counts = np.maximum(known.sum(axis=0), 1)
        means = np.where(known, part.inputs, 0).sum(axis=0) / counts
        scales = np.sqrt((np.where(known, part.inputs - means, 0) ** 2).sum(axis=0) / counts)
    inputs = np.column_stack([_standardised(part.inputs, means, scales), np.ones(len(part.target))])
    penalties = np.array([penalty] * len(means) + [0.0])  # the intercept is free
    weights = target.weights(inputs, part.target, part.offset, penalties)
    return LinearModel(tuple(means.tolist()), tuple(scales.tolist()), tuple(weights[:-1].tolist()), float(weights[-1]))


def _standardised(inputs: Numbers, means: Sequence[float] | Numbers, scales: Sequence[float] | Numbers) -> Numbers:
    scale = np.asarray(scales, dtype=float)
    safe = np.where(scale > 0, scale, 1.0)
    with np.errstate(invalid="ignore"):
        values = (inputs - np.asarray(means, dtype=float)) / safe
    return np.where(np.isfinite(values) & (scale > 0), values, 0.0)
