"""A kept model beside the scorer: the chance that a bet wins, from the vector that is served for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from feature_repo.bets.vocabulary_version import check_vocabulary, version_of_document
from feature_repo.errors import ConfigurationError
from feature_repo.scoring.models import WinChances
from feature_repo.servers.connections import Connections
from feature_repo.servers.environment import environment_over_dotenv, home, resolve
from ingestion.database.access import connect
from training.artefacts.model_store import KeptModel, ModelStore
from training.dataset import feature_list
from training.learning.model import WinModel, file_digest
from training.learning.probabilities import Numbers
from training.manifest import feature_versions_of


@dataclass(frozen=True)
class ServedModel:
    """What feature_repo's scorer takes as its `model`."""

    name: str
    service: str
    win_model: WinModel

    @property
    def features(self) -> tuple[str, ...]:
        """The features that it needs."""
        return self.win_model.features

    def win_chances(
        self, features: Mapping[str, Sequence[Any]], names: Mapping[str, Sequence[str | None]]
    ) -> WinChances:
        """The chance of each bet by the served learner, from its features and its names, beside the prices.

        `features` has the values of each feature, a bet after the other; `names` has sport, market and
        institution_name likewise.
        """
        columns = {name: pl.Series(name, features[name], dtype=pl.Float64, strict=False) for name in self.features}
        needed = {name: pl.Series(name, names[name], dtype=pl.String) for name in self.win_model.calibration.columns}
        chances, calibrated = self.win_model.chance_and_reference(pl.DataFrame([*columns.values(), *needed.values()]))
        return WinChances(_nullable(chances), columns["implied_prob"].to_list(), _nullable(calibrated))


def _nullable(chances: Numbers) -> list[float | None]:
    return [None if math.isnan(chance) else float(chance) for chance in chances]


def load_model(name: str, *, connections: Connections | None = None) -> ServedModel:
    """The kept model of this name (`promoted` is one too), to be given to `feature_repo.scoring.scorer`.

    The store is that of the environment unless `connections` are given. Raises ConfigurationError when there is no
    such model, when a file of it is not what was trained, and when a feature of it has another definition now;
    VocabularyDiffers when the store's codes are not those that it was trained on.
    """
    environ = environment_over_dotenv()
    return served_model(ModelStore.of_home(home(environ)).model(name), connections or resolve(environ))


def served_model(model: KeptModel, connections: Connections) -> ServedModel:
    """The model, once it is known to fit this store. Raises as `load_model` does."""
    data = model.manifest.data
    _check_files(model)
    versions = feature_versions_of(feature_list(data.service))
    if changed := [name for name, version in data.features.items() if versions.get(name) != version]:
        raise ConfigurationError(
            f"Model {model.name} was trained on other definitions of these features: {', '.join(changed)}",
            "Nothing was scored",
            f"Train it anew, or score with the code that it was trained by ({model.manifest.code_version})",
        )
    with connect(connections.postgres, purpose="score", autocommit=True) as connection:
        check_vocabulary(connection, version_of_document(data.vocabulary))
    return ServedModel(model.name, data.service, WinModel.load(model.directory))


def _check_files(model: KeptModel) -> None:
    for name, digest in model.manifest.files.items():
        file = model.directory / name
        if not file.is_file() or file_digest(file.read_text(encoding="utf-8")) != digest:
            raise ConfigurationError(
                f"{file} is not what was trained",
                "Nothing was scored",
                f"Train it again: `pikkit train --from {model.directory}`",
            )
