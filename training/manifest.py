"""The manifest of a model: all that it was made from, so that its training set can be made again, and checked.

What it pins: the service's features with their versions and definitions, the vocabulary, how far the store had read its
log, the time of the bets, the digest of the frame they gave, the code, the parameters and the libraries.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from feature_repo.declarations.feature_lists import FeatureList
from feature_repo.errors import ConfigurationError
from ingestion.features.feature_definitions import feature_definitions, on_demand_definitions
from ingestion.features.published_definitions import definition_version

MANIFEST: Final = "manifest.json"
#: Beside it, of a model: what it says for people to read (training/page/).
MODEL_PAGE: Final = "model.html"
_LIBRARIES: Final = ("feast", "lightgbm", "numpy", "polars", "scipy")


@dataclass(frozen=True)
class Data:
    """The training set, as it can be made again."""

    service: str
    #: The log position of the features; later versions of bets are not in the set.
    log_position: int
    #: The watermark of the features then, ISO 8601.
    features_watermark: str
    #: Of the bets' placement, ISO 8601; null where there was no limit.
    placed_from: str | None
    placed_to: str | None
    rows: int
    #: SHA-256 of the frame: names, types, nulls and values of all columns in order (training/digest.py).
    frame_digest: str
    #: Each feature as view:name -> version and digest of its definition.
    features: Mapping[str, Mapping[str, Any]]
    #: What feature_repo/bets/vocabulary_version.py needs to tell whether a store still has its codes.
    vocabulary: Mapping[str, Any]


@dataclass(frozen=True)
class PinnedData:
    """The training set that a manifest pins, of a model or of a dataset."""

    #: Of the model or dataset.
    name: str
    code_version: str
    data: Data


@dataclass(frozen=True)
class ModelManifest:
    """A model and where it came from."""

    name: str
    #: By the project's clock, ISO 8601.
    trained_at: str
    code_version: str
    data: Data
    #: Of the learners, the split, the calibration.
    parameters: Mapping[str, Any]
    #: What the test part says.
    evaluation: Mapping[str, Any]
    #: SHA-256 of what each file of the model says.
    files: Mapping[str, str]
    #: Python and the libraries that the numbers depend on.
    environment: Mapping[str, str]

    @property
    def pinned(self) -> PinnedData:
        """What it was trained on."""
        return PinnedData(self.name, self.code_version, self.data)

    @property
    def served(self) -> str:
        """The learner that is served. Raises ConfigurationError for a model of a version that chose none."""
        if "served" not in self.parameters["win"]:
            raise ConfigurationError(
                f"{self.name} is of an older version ({self.code_version}), which chose no learner to serve",
                "Nothing was done",
                "Train on its bets again (`pikkit train --from MODEL`, its directory), and remove the older one",
            )
        return str(self.parameters["win"]["served"]["learner"])


def write_manifest(directory: Path, manifest: Any) -> None:
    """Write a manifest, a dataclass, beside the files that it is of."""
    text = json.dumps(finite(asdict(manifest)), indent=1)
    (directory / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(path: Path) -> ModelManifest:
    """The manifest in this file, or in the directory of a model. Raises ConfigurationError when there is none."""
    document = _document(path)
    try:
        return ModelManifest(**{**document, "data": Data(**document["data"])})
    except (TypeError, KeyError) as error:
        raise _no_manifest(path, error) from error


def read_pinned(path: Path) -> PinnedData:
    """What the manifest in this file, or in this directory, pins: of a model or of a dataset.

    Raises ConfigurationError when there is none.
    """
    document = _document(path)
    try:
        return PinnedData(document["name"], document["code_version"], Data(**document["data"]))
    except (TypeError, KeyError) as error:
        raise _no_manifest(path, error) from error


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads((path / MANIFEST if path.is_dir() else path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _no_manifest(path, error) from error
    return document if isinstance(document, dict) else {}


def _no_manifest(path: Path, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{path} holds no manifest: {type(error).__name__}: {error}",
        "Nothing was read",
        "Name a directory that `pikkit train` or `pikkit dataset` wrote; `pikkit models list` has those of models",
    )


def finite(value: Any) -> Any:
    """What JSON can hold of a value: numbers that are not finite become null, tuples arrays."""
    if isinstance(value, Mapping):
        return {str(name): finite(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [finite(member) for member in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def feature_versions_of(service: FeatureList) -> dict[str, dict[str, Any]]:
    """The version and definition of each feature of the list, by view:name in its order."""
    definitions = {**feature_definitions(), **on_demand_definitions()}
    versions = {}
    for view, names in service.features.items():
        for name in names:
            digest = definitions[view][name].digest
            versions[f"{view}:{name}"] = {"version": definition_version(view, name, digest), "definition": digest}
    return versions


def environment() -> dict[str, str]:
    """Python and the libraries that a model's numbers depend on, with their versions."""
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}


def instant(value: datetime | None) -> str | None:
    """An instant in ISO 8601, or null."""
    return value.isoformat() if value else None
