"""Manifests of models that were trained in memory, without a store."""

from __future__ import annotations

import json
from dataclasses import asdict

from training.artefacts.evaluation_document import evaluation_document, parameters_document
from training.dataset import TrainingSet
from training.digest import frame_digest
from training.learning.fit import fit_win
from training.learning.returns import fit_returns
from training.manifest import Data, ModelManifest, environment, finite


def manifest_of(training_set: TrainingSet, *, name: str = "a-model") -> ModelManifest:
    """Train on the set, and describe the model as it would be read back from its file."""
    fitted = fit_win(training_set)
    returns = fit_returns(training_set, fitted.cuts, fitted.model.codes)
    features = {f"view:{feature}": {"version": 1, "definition": "0" * 64} for feature in training_set.features}
    data = Data(
        training_set.service.service, 7, "2026-05-01T00:00:00+00:00", None, None, training_set.frame.height,
        frame_digest(training_set.frame), features, {},
    )  # fmt: skip
    manifest = ModelManifest(
        name, "2026-05-01T06:00:00+00:00", "0.1.0", data, parameters_document(fitted, returns),
        evaluation_document(fitted, returns), {"weights.json": "1" * 64}, environment(),
    )  # fmt: skip
    document = json.loads(json.dumps(finite(asdict(manifest))))
    return ModelManifest(**{**document, "data": Data(**document["data"])})
