"""What `pikkit train` does once the features are fresh: gates, training set, models, verdict, artefacts.

Each is a step of a recorded run. No model comes of features that a gate refused or that are stale. The run does not
hold the run lock while it learns: what it reads is pinned by a log position, and runs go on beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from feature_repo import clock
from feature_repo.servers.connections import Connections
from feature_repo.servers.environment import environment_over_dotenv
from ingestion.progress import Progress, silent
from ingestion.runs.record import Documented, Run, code_version
from ingestion.runs.run_beside import run_beside_others
from training.artefacts.evaluation_document import evaluation_document, parameters_document
from training.artefacts.new_directory import refuse_written, whole_directory
from training.dataset import TrainingSet, placement_list
from training.learning.boosted_trees import boosting_library
from training.learning.fit import FittedModel, fit_win
from training.learning.model import save_files
from training.learning.returns import FittedReturns, fit_returns
from training.manifest import Data, ModelManifest, PinnedData, environment, finite, write_manifest
from training.model_lineage import training_on_record
from training.page.model_page import write_model_page
from training.pinned_sets import pinned_training_set, same_training_set
from training.tracking.mlflow_tracking import TRACKING_URI, TrackedRun, track


@dataclass(frozen=True)
class JudgedLearner(Documented):
    """What the test part says of a learner of the win."""

    conclusion: str
    #: To the price, nats a bet, and the ends of its interval; null where they are not finite.
    difference: float
    low: float | None
    high: float | None
    #: The second sentence.
    money: str


@dataclass(frozen=True)
class TrainSummary(Documented):
    """What `train` did."""

    model: str
    directory: str
    service: str
    log_position: int
    frame_digest: str
    #: Bets of each part.
    bets: Mapping[str, int]
    #: The learner that is served, by the validation part.
    served: str
    #: By learner.
    verdicts: Mapping[str, JudgedLearner]
    #: SHA-256 of the names of the model's files and what each says, as the manifest has them.
    model_digest: str


@dataclass(frozen=True)
class ModelCounts(Documented):
    """What the step `models` did."""

    model: str
    trained: int
    tested: int
    purged: int
    served: str
    #: By learner: what its verdict comes to.
    verdicts: Mapping[str, str]


@dataclass(frozen=True)
class TrainedModel:
    """A model that was written to its directory."""

    directory: Path
    manifest: ModelManifest
    fitted: FittedModel
    returns: FittedReturns
    #: What messages call the run that made it (ingestion/runs/run_ids.py).
    run: str
    #: What came of logging it to MLflow; null where no server is configured.
    mlflow: TrackedRun | None
    #: Step -> seconds.
    seconds: Mapping[str, float]


def train_models(
    connections: Connections,
    service: str,
    directory: Path,
    *,
    placed_from: datetime | None = None,
    placed_to: datetime | None = None,
    as_is: bool = False,
    progress: Progress = silent,
) -> TrainedModel:
    """Train the models of a service on the bets placed in [placed_from, placed_to), and write them to the directory.

    Raises what `pinned_training_set` raises, and ConfigurationError when there are too few bets, and when the directory
    already has anything.
    """
    _check(directory)
    placement_list(service)
    with run_beside_others(connections, "train") as run:
        progress("training set", 0, None)
        made, data = pinned_training_set(
            connections, service, run, placed_from=placed_from, placed_to=placed_to, as_is=as_is
        )
        with training_on_record(connections.postgres, run, made.service, directory):
            return _fitted(run, made, data, directory, progress)


def retrain(
    connections: Connections, pinned: PinnedData, directory: Path, *, progress: Progress = silent
) -> TrainedModel:
    """Train again what a manifest describes: on the same frame, byte for byte, whatever the store has read since.

    Raises as `same_training_set` does, and ConfigurationError when the directory already has anything.
    """
    _check(directory)
    with run_beside_others(connections, "train") as run:
        progress("training set", 0, None)
        made = same_training_set(connections, pinned, run)
        with training_on_record(connections.postgres, run, made.service, directory):
            return _fitted(run, made, pinned.data, directory, progress)


def _check(directory: Path) -> None:
    boosting_library()
    refuse_written(directory)


def _fitted(run: Run, made: TrainingSet, data: Data, directory: Path, progress: Progress) -> TrainedModel:
    with run.step("models") as step:
        fitted = fit_win(made, progress)
        returns = fit_returns(made, fitted.cuts, fitted.model.codes, progress)
        with whole_directory(directory) as unfinished:
            manifest = ModelManifest(
                directory.name,
                clock.now().isoformat(),
                code_version(),
                data,
                parameters_document(fitted, returns),
                evaluation_document(fitted, returns),
                save_files(unfinished, {**fitted.model.files(), **returns.model.files()}),
                environment(),
            )
            write_manifest(unfinished, manifest)
            write_model_page(unfinished, manifest)
        summary = _summary(manifest, fitted, directory)
        step.result = _counts(summary)
    tracked = _tracked(run, directory, progress)
    finished = run.finished(summary)
    seconds = {each.name: each.seconds for each in finished.steps}
    return TrainedModel(directory, manifest, fitted, returns, finished.short_id, tracked, seconds)


def _tracked(run: Run, directory: Path, progress: Progress) -> TrackedRun | None:
    environ = environment_over_dotenv()
    if not environ.get(TRACKING_URI):
        return None
    progress("log to MLflow", 0, None)
    with run.step("mlflow") as step:
        step.result = tracked = track(directory, environ)
    return tracked


def _summary(manifest: ModelManifest, fitted: FittedModel, directory: Path) -> TrainSummary:
    data = manifest.data
    return TrainSummary(
        manifest.name,
        str(directory),
        data.service,
        data.log_position,
        data.frame_digest,
        dict(fitted.bets),
        fitted.model.served,
        {learner: _judged(judged) for learner, judged in manifest.evaluation["win"]["models"].items()},
        sha256(json.dumps(manifest.files, sort_keys=True).encode()).hexdigest(),
    )


def _counts(summary: TrainSummary) -> ModelCounts:
    bets = summary.bets
    return ModelCounts(
        summary.model,
        bets["train"] + bets["validation"],
        bets["test"],
        bets["purged"],
        summary.served,
        {learner: judged.conclusion for learner, judged in summary.verdicts.items()},
    )


def _judged(document: Mapping[str, Any]) -> JudgedLearner:
    difference = finite(document["difference"])
    return JudgedLearner(
        document["conclusion"], difference["mean"], difference["low"], difference["high"], document["money"]
    )
