"""The two models of the win, beside each other: boosted trees and a logistic one, both on top of the reference.

Either learns only what the price does not say: its log-odds are those of the reference plus what it adds. Where it
finds nothing it adds nothing, and equals the reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from feature_repo.errors import ConfigurationError
from training.probabilities import Flags, Numbers, log_losses, probability
from training.ridge import fit_ridge

# A gradient-boosted model overfits bets fast: small trees, slow steps, strong shrinkage.
BOOSTING: Final[Mapping[str, Any]] = {
    "objective": "binary",
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
PATIENCE: Final = 60
SEEDS: Final = (1, 2, 3, 4, 5)
# A leaf of a large training part holds at least so many bets; of a smaller one, its fiftieth and no fewer than 100.
LEAF: Final = 1_000
_ROWS_FOR_THREADS: Final = 100_000
# What the squares of the logistic model's weights are multiplied by, tried on the validation part.
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


class Learner(Protocol):
    """A trained model of the win."""

    def added(self, inputs: Numbers) -> Numbers:
        """What it adds to the reference's log-odds; `inputs` has a row a bet and its features in the trained order."""
        ...


@dataclass(frozen=True)
class Part:
    """A part of a training set as numbers: a row for each bet, in order."""

    #: Features, in the order of the set's columns; NaN where one is null.
    inputs: Numbers
    won: Flags
    #: The reference's log-odds.
    offset: Numbers

    def __add__(self, other: Part) -> Part:
        """The bets of this part, then those of the other."""
        return Part(
            np.vstack([self.inputs, other.inputs]),
            np.concatenate([self.won, other.won]),
            np.concatenate([self.offset, other.offset]),
        )

    def loss(self, added: Numbers) -> float:
        """Mean log loss of a model that adds this, nats a bet."""
        return float(np.mean(log_losses(self.won, probability(self.offset + added))))


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
        lightgbm = boosting_library()
        return [
            np.asarray(lightgbm.Booster(model_str=text).predict(inputs, raw_score=True), dtype=float)
            for text in self.texts
        ]


def fit_boosted_trees(
    train: Part, validation: Part, features: Sequence[str], seeds: Sequence[int] = SEEDS
) -> tuple[BoostedTrees, list[int]]:
    """Stop each seed early on the validation part, then fit it on both with as many trees. Returns those numbers."""
    texts, trees = [], []
    for seed in seeds:
        parameters = _parameters(train, seed)
        count = _best_trees(parameters, train, validation, features)
        texts.append(_boosted(parameters, train + validation, features, count))
        trees.append(count)
    return BoostedTrees(tuple(texts)), trees


def tree_text(text: str) -> str:
    """The trees of a model's text, without the parameters: these name the number of threads, which changes no tree."""
    return text.partition("\nparameters:")[0]


def _parameters(train: Part, seed: int) -> dict[str, Any]:
    leaf = min(LEAF, max(100, len(train.won) // 50))
    # The trees do not depend on it. A second thread costs more than it brings here, and waits for a busy core.
    threads = 1 if len(train.won) < _ROWS_FOR_THREADS else 0
    return {**BOOSTING, "min_data_in_leaf": leaf, "seed": seed, "num_threads": threads}


def _best_trees(parameters: dict[str, Any], train: Part, validation: Part, features: Sequence[str]) -> int:
    lightgbm = boosting_library()
    fitted = _dataset(train, features)
    booster = lightgbm.train(
        parameters,
        fitted,
        num_boost_round=MOST_TREES,
        valid_sets=[_dataset(validation, features, fitted)],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    return int(booster.best_iteration)


def _boosted(parameters: dict[str, Any], part: Part, features: Sequence[str], trees: int) -> str:
    return str(boosting_library().train(parameters, _dataset(part, features), num_boost_round=trees).model_to_string())


def _dataset(part: Part, features: Sequence[str], reference: Any = None) -> Any:
    return boosting_library().Dataset(
        part.inputs,
        label=part.won.astype(float),
        init_score=part.offset,
        feature_name=list(features),
        reference=reference,
        free_raw_data=False,
    )


# ---- the logistic model ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LogisticModel:
    """A weighted sum of standardised features; a feature that is null counts as its mean."""

    #: Of each feature in the trained order, as are the others.
    means: tuple[float, ...]
    #: Standard deviations; 0 for a feature that never varied, which counts for nothing.
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> LogisticModel:
        """The model whose attributes are the members of a JSON object."""
        means, scales, weights = (tuple(document[name]) for name in ("means", "scales", "weights"))
        return cls(means, scales, weights, document["intercept"])

    def added(self, inputs: Numbers) -> Numbers:
        """The weighted sum."""
        return np.asarray(_standardised(inputs, self.means, self.scales) @ np.array(self.weights) + self.intercept)


def fit_logistic(train: Part, validation: Part) -> tuple[LogisticModel, float]:
    """Choose the penalty on the validation part, then fit on both. Returns the penalty too."""
    losses = {penalty: validation.loss(_logistic(train, penalty).added(validation.inputs)) for penalty in PENALTIES}
    best = min(losses, key=lambda penalty: (losses[penalty], -penalty))
    return _logistic(train + validation, best), best


def _logistic(part: Part, penalty: float) -> LogisticModel:
    """The win on standardised features, with the reference as the offset."""
    with np.errstate(invalid="ignore"):
        known = np.isfinite(part.inputs)
        counts = np.maximum(known.sum(axis=0), 1)
        means = np.where(known, part.inputs, 0).sum(axis=0) / counts
        scales = np.sqrt((np.where(known, part.inputs - means, 0) ** 2).sum(axis=0) / counts)
    inputs = np.column_stack([_standardised(part.inputs, means, scales), np.ones(len(part.won))])
    penalties = np.array([penalty] * len(means) + [0.0])  # the intercept is free
    weights = fit_ridge(inputs, part.won, part.offset, penalties)
    return LogisticModel(
        tuple(means.tolist()), tuple(scales.tolist()), tuple(weights[:-1].tolist()), float(weights[-1])
    )


def _standardised(inputs: Numbers, means: Sequence[float] | Numbers, scales: Sequence[float] | Numbers) -> Numbers:
    scale = np.asarray(scales, dtype=float)
    safe = np.where(scale > 0, scale, 1.0)
    with np.errstate(invalid="ignore"):
        values = (inputs - np.asarray(means, dtype=float)) / safe
    return np.where(np.isfinite(values) & (scale > 0), values, 0.0)
