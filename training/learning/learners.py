"""What is learned of a target, and the weighted sum, one of its two models; the other is boosted trees.

Either learns only what the reference does not say: what it predicts is what the reference does plus what it adds. Where
it finds nothing it adds nothing, and equals the reference. Of the win that is in log-odds, of the return in returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from training.learning.probabilities import Numbers, log_losses, probability
from training.learning.ridge import fit_linear_ridge, fit_logistic_ridge

# What the squares of the weights are multiplied by, tried on the validation part.
PENALTIES: Final = (10.0, 100.0, 1_000.0, 10_000.0)


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


@dataclass(frozen=True)
class FittedLinear:
    """A weighted sum, and how strongly validation asked it to be penalised."""

    model: LinearModel
    penalty: float
    #: Mean loss on the validation part of the weights that were fitted on the training part alone.
    validation_loss: float


def fit_linear(target: Target, parts: LearningParts) -> FittedLinear:
    """Choose the penalty on the validation part, then fit on both."""
    losses = {
        penalty: parts.validation.loss(target, _linear(target, parts.train, penalty).added(parts.validation.inputs))
        for penalty in PENALTIES
    }
    best = min(losses, key=lambda penalty: (losses[penalty], -penalty))
    return FittedLinear(_linear(target, parts.both, best), best, losses[best])


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
