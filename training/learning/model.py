"""A trained model of the win as it is kept and served: the calibrated price, and what was learned on top of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

import numpy as np
import polars as pl

from feature_repo.declarations.features import PLACED_BET_FEATURES, FeatureScale
from feature_repo.errors import ConfigurationError
from training.learning.boosted_trees import BoostedTrees, tree_text
from training.learning.learners import LinearModel
from training.learning.probabilities import Numbers, probability
from training.learning.reference import Calibration

LearnerName = Literal["boosted", "logistic"]
LEARNERS: Final[tuple[LearnerName, ...]] = ("boosted", "logistic")
# Features that are codes of names. A code that the training part never had means nothing to a model.
CODES: Final = frozenset(feature.name for feature in PLACED_BET_FEATURES if feature.scale is FeatureScale.CODE)
_WEIGHTS: Final = "weights.json"


@dataclass(frozen=True)
class WinModel:
    """The chance that a bet wins, from its features when it was placed."""

    #: Names of the inputs, in the order in which the model was trained on them.
    features: tuple[str, ...]
    #: Of each input that is a code: the codes that training saw. Any other is missing to the model.
    codes: Mapping[str, tuple[int, ...]]
    calibration: Calibration
    boosted: BoostedTrees
    logistic: LinearModel
    #: The learner that is served (`served_learner`).
    served: LearnerName

    def inputs(self, bets: pl.DataFrame) -> Numbers:
        """A row for each bet with its features in order: NaN for one that is null, and for a code that is new.

        `bets` has the features by name; the result has a column for each, as floats.
        """
        return model_inputs(bets, self.features, self.codes)

    def reference(self, bets: pl.DataFrame) -> Numbers:
        """The calibrated price of each bet, as a probability: NaN for a bet without a price.

        `bets` has `implied_prob` and the columns of the calibration; the result has one number a bet, in their order.
        """
        return _where_priced(bets, probability(self._offset(bets)))

    def win_probability(self, bets: pl.DataFrame, learner: LearnerName | None = None) -> Numbers:
        """The chance of each bet, by the learner that is served unless another is asked for: NaN for one without a
        price.

        `bets` has the features, and the bets' `sport`, `market` and `institution_name`.
        """
        added = self.learned(learner).added(self.inputs(bets))
        return _where_priced(bets, probability(self._offset(bets) + added))

    def chance_and_reference(self, bets: pl.DataFrame) -> tuple[Numbers, Numbers]:
        """What `win_probability` and `reference` say of each bet, for little more than the first alone."""
        offset = self._offset(bets)
        chances = probability(offset + self.learned().added(self.inputs(bets)))
        return _where_priced(bets, chances), _where_priced(bets, probability(offset))

    def learned(self, learner: LearnerName | None = None) -> BoostedTrees | LinearModel:
        """What a learner added to the price; the one that is served unless another is asked for."""
        return self.boosted if (learner or self.served) == "boosted" else self.logistic

    def _offset(self, bets: pl.DataFrame) -> Numbers:
        return self.calibration.log_odds(bets.with_columns(pl.col("implied_prob").cast(pl.Float64).fill_null(0.5)))

    # ---- files ----

    def files(self) -> dict[str, str]:
        """The text of each file of the model, by its name."""
        document = {
            "features": self.features,
            "codes": self.codes,
            "calibration": self.calibration.document(),
            "logistic": asdict(self.logistic),
            "served": self.served,
        }
        weights = json.dumps(document, sort_keys=True, indent=1)
        return {_WEIGHTS: weights, **{f"trees-{number}.txt": text for number, text in enumerate(self.boosted.texts)}}

    @classmethod
    def load(cls, directory: Path) -> WinModel:
        """The model whose files are in the directory. Raises ConfigurationError when they are not."""
        try:
            document = json.loads((directory / _WEIGHTS).read_text(encoding="utf-8"))
            texts = [path.read_text(encoding="utf-8") for path in sorted(directory.glob("trees-*.txt"))]
            served = document["served"]
        except (OSError, ValueError, KeyError) as error:
            raise ConfigurationError(
                f"{directory} does not hold a whole model: {error}", "Nothing was scored", "Train it again"
            ) from error
        return cls(
            tuple(document["features"]),
            {name: tuple(codes) for name, codes in document["codes"].items()},
            Calibration.from_document(document["calibration"]),
            BoostedTrees(tuple(texts)),
            LinearModel.from_document(document["logistic"]),
            served,
        )


def served_learner(validation_losses: Mapping[LearnerName, float]) -> LearnerName:
    """The learner that is served: the one whose loss on the validation part is smaller, the logistic one when both are
    equal. Either was fitted on the training part for that; the test part has no say.
    """
    return min(LEARNERS, key=lambda learner: (validation_losses[learner], learner == "boosted"))


def save_files(directory: Path, files: Mapping[str, str]) -> dict[str, str]:
    """Write a model's files into the directory. Returns `file_digest` of each, by its name."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    return {name: file_digest(text) for name, text in files.items()}


def file_digest(text: str) -> str:
    """SHA-256 of what a file of a model says, but for the parameters of trees, which name the machine's threads."""
    return sha256(tree_text(text).encode()).hexdigest()


def model_inputs(bets: pl.DataFrame, features: Sequence[str], codes: Mapping[str, Sequence[int]]) -> Numbers:
    """A row for each bet with its features in order: NaN for a null, and for a code that is not in `codes`.

    `codes` has, for each feature that is a code, those that training saw. The result is of floats, bets by features.
    """
    columns = [
        pl.when(pl.col(name).cast(pl.Int64).is_in(list(codes[name]))).then(pl.col(name).cast(pl.Float64)).alias(name)
        if name in codes
        else pl.col(name).cast(pl.Float64)
        for name in features
    ]
    return np.asarray(bets.select(columns).fill_null(float("nan")).to_numpy(), dtype=float)


def codes_seen(bets: pl.DataFrame, features: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The codes that these bets have, for each feature that is a code; 0, the unknown, is none.

    Each tuple is in ascending order. Features that are no codes have no entry.
    """
    return {
        name: tuple(int(code) for code in bets[name].drop_nulls().unique().sort() if code)
        for name in features
        if name in CODES
    }


def _where_priced(bets: pl.DataFrame, values: Numbers) -> Numbers:
    return np.where(bets["implied_prob"].is_null().to_numpy(), np.nan, values)
