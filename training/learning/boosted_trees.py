"""Boosted trees on top of the reference: LightGBM, several seeds, averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from feature_repo.errors import ConfigurationError
from training.learning.learners import LearningParts, Part, Target
from training.learning.probabilities import Numbers

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
# Of a curve of losses by trees, every so many are kept.
CURVE_STEP: Final = 10
# A leaf of a large training part holds at least so many bets; of a smaller one, its fiftieth and no fewer than 100.
LEAF: Final = 1_000
SMALLEST_LEAF: Final = 100
_ROWS_FOR_THREADS: Final = 100_000


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


@dataclass(frozen=True)
class FittedTrees:
    """Boosted trees, and how many of them validation asked for."""

    trees: BoostedTrees
    #: Trees of each seed.
    counts: tuple[int, ...]
    #: Mean loss on the validation part of the trees that were fitted on the training part alone, all seeds averaged.
    validation_loss: float
    #: Of each seed, the mean loss on the validation part after CURVE_STEP trees, twice as many, and so on.
    curves: tuple[tuple[float, ...], ...]


def fit_boosted_trees(
    target: Target, parts: LearningParts, features: Sequence[str], seeds: Sequence[int] = SEEDS
) -> FittedTrees:
    """Stop each seed early on the validation part, then fit it on both with as many trees."""
    texts, counts, added, curves = [], [], [], []
    for seed in seeds:
        parameters = _parameters(target, parts.train, seed)
        stopped, losses = _stopped_early(parameters, parts.train, parts.validation, features)
        counts.append(int(stopped.best_iteration))
        added.append(stopped.predict(parts.validation.inputs, raw_score=True, num_threads=1))
        curves.append(tuple(losses[CURVE_STEP - 1 :: CURVE_STEP]))
        texts.append(_boosted(parameters, parts.both, features, counts[-1]))
    loss = parts.validation.loss(target, np.mean(added, axis=0))
    return FittedTrees(BoostedTrees(tuple(texts)), tuple(counts), loss, tuple(curves))


def tree_text(text: str) -> str:
    """The trees of a model's text, without the parameters: these name the number of threads, which changes no tree."""
    return text.partition("\nparameters:")[0]


def _parameters(target: Target, train: Part, seed: int) -> dict[str, Any]:
    leaf = min(LEAF, max(SMALLEST_LEAF, len(train.target) // 50))
    # The trees do not depend on it. A second thread costs more than it brings here, and waits for a busy core.
    threads = 1 if len(train.target) < _ROWS_FOR_THREADS else 0
    return {**BOOSTING, "objective": target.objective, "min_data_in_leaf": leaf, "seed": seed, "num_threads": threads}


def _stopped_early(
    parameters: dict[str, Any], train: Part, validation: Part, features: Sequence[str]
) -> tuple[Any, list[float]]:
    """The booster that predicts with as many trees as did best on the validation part, and its loss there by trees."""
    lightgbm = boosting_library()
    fitted = _dataset(train, features)
    losses: dict[str, dict[str, list[float]]] = {}
    booster = lightgbm.train(
        parameters,
        fitted,
        num_boost_round=MOST_TREES,
        valid_sets=[_dataset(validation, features, fitted)],
        callbacks=[lightgbm.early_stopping(FRUITLESS_TREES, verbose=False), lightgbm.record_evaluation(losses)],
    )
    return booster, next(iter(losses["valid_0"].values()))


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
