"""The manifest of a model: all that it was made from, so that its training set can be made again, and checked.

What it pins: the service's features with their versions and definitions, the vocabulary, how far the store had read its
log, the time of the bets, the digest of the frame they gave, the code, the parameters and the libraries.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from feature_repo.errors import ConfigurationError
from ingestion.features.feature_definitions import feature_definitions, on_demand_definitions
from ingestion.features.published_definitions import definition_version
from training.dataset import TrainingSet

MANIFEST: Final = "manifest.json"
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
    #: SHA-256 of the frame: names, types, nulls and values of all columns in order (`frame_digest`).
    frame_digest: str
    #: Each feature as view:name -> version and digest of its definition.
    features: Mapping[str, Mapping[str, Any]]
    #: What feature_repo/bets/vocabulary_version.py needs to tell whether a store still has its codes.
    vocabulary: Mapping[str, Any]


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

    def write(self, directory: Path) -> None:
        """Write it beside the model's files."""
        text = json.dumps(asdict(self), indent=1, default=_plain)
        (directory / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(path: Path) -> ModelManifest:
    """The manifest in this file, or in the directory of a model. Raises ConfigurationError when there is none."""
    file = path / MANIFEST if path.is_dir() else path
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return ModelManifest(**{**document, "data": Data(**document["data"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(
            f"{path} holds no manifest of a model: {error}",
            "Nothing was read",
            "`pikkit models` lists the models, with the places of their manifests",
        ) from error


def frame_digest(frame: pl.DataFrame) -> str:
    """SHA-256 of a frame, in hexadecimal: two frames have the same when their columns, rows and values are the same.

    What libraries make of it in memory or in a file is no part of it.
    """
    digest = hashlib.sha256()
    for column in frame:
        nulls = column.is_null().to_numpy()
        digest.update(f"{column.name}\0{column.dtype}\0{len(column)}\0".encode())
        digest.update(np.packbits(nulls).tobytes())
        if column.dtype == pl.String:
            texts = column.fill_null("")
            digest.update(texts.str.len_bytes().cast(pl.Int64).to_numpy().tobytes())
            digest.update("".join(texts.to_list()).encode())
        elif column.dtype == pl.Boolean:
            digest.update(np.packbits(column.fill_null(value=False).to_numpy()).tobytes())
        else:
            digest.update(column.to_physical().fill_null(0).to_numpy().tobytes())
    return digest.hexdigest()


def feature_versions_of(training_set: TrainingSet) -> dict[str, dict[str, Any]]:
    """The version and definition of each feature of the set, by view:name in the service's order."""
    definitions = {**feature_definitions(), **on_demand_definitions()}
    versions = {}
    for view, names in training_set.service.features.items():
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


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value.item()
