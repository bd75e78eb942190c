"""`pikkit train`: from a store whose features passed their gate to a model with its verdict and its manifest.

gate ── training set ── models ── verdict ── files

The run lock is held only while the store is looked at: what is trained on is pinned by its log position, and runs go on
beside it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg.rows import dict_row

from feature_repo import clock
from feature_repo.bets.vocabulary_version import check_vocabulary, version_of_document, vocabulary_version
from feature_repo.errors import ConfigurationError, GateRefused
from feature_repo.postgres.queries import statement_of
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect, statement
from ingestion.database.locked_store import locked_store
from ingestion.forgetting.keyed_digests import Forgotten
from ingestion.progress import Progress, silent
from ingestion.runs.record import Documented, code_version, recorded_run
from training.artefacts.evaluation_document import evaluation_document, parameters_document
from training.dataset import TrainingSet, feature_list, training_set
from training.digest import frame_digest
from training.learning.fit import FittedModel, fit_win
from training.learning.learners import boosting_library
from training.learning.model import save_files
from training.learning.returns import FittedReturns, fit_returns
from training.manifest import (
    Data,
    ModelManifest,
    PinnedData,
    environment,
    feature_versions_of,
    instant,
    write_manifest,
)
from training.refresh import STALE


@dataclass(frozen=True)
class Position(Documented):
    """What a store's features stand at when training begins."""

    log_position: int
    #: ISO 8601.
    features_watermark: str


@dataclass(frozen=True)
class TrainedModel:
    """A model that was written to its directory."""

    directory: Path
    manifest: ModelManifest
    fitted: FittedModel
    returns: FittedReturns
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

    Raises GateRefused when the last refresh was refused, ConfigurationError when the features are older than STALE and
    not to be taken `as_is`, when there are too few bets, and when the directory already has anything.
    """
    boosting_library()
    refuse_written(directory)
    begun = time.perf_counter()
    progress("training set", 0, None)
    made, data = pinned_training_set(connections, service, placed_from=placed_from, placed_to=placed_to, as_is=as_is)
    return _fitted(made, data, directory, {"training set": time.perf_counter() - begun}, progress)


def retrain(
    connections: Connections, pinned: PinnedData, directory: Path, *, progress: Progress = silent
) -> TrainedModel:
    """Train again what a manifest describes: on the same frame, byte for byte, whatever the store has read since.

    Raises ConfigurationError, naming what differs, when the store does not give the same frame, and VocabularyDiffers.
    """
    boosting_library()
    refuse_written(directory)
    begun = time.perf_counter()
    progress("training set", 0, None)
    made = same_training_set(connections, pinned)
    return _fitted(made, pinned.data, directory, {"training set": time.perf_counter() - begun}, progress)


def pinned_training_set(
    connections: Connections,
    service: str,
    *,
    placed_from: datetime | None,
    placed_to: datetime | None,
    as_is: bool,
) -> tuple[TrainingSet, Data]:
    """The training set of a service as the store stands now, and what pins it. Raises as `train_models` does."""
    feature_list(service)
    position = publishable_position(connections, as_is=as_is)
    made = training_set(
        connections, service, log_position=position.log_position, placed_from=placed_from, placed_to=placed_to
    )
    return made, describe(connections, made, position, placed_from, placed_to)


def same_training_set(connections: Connections, pinned: PinnedData) -> TrainingSet:
    """The training set of a manifest, made again. Raises as `retrain` does."""
    data = pinned.data
    with connect(connections.postgres, purpose="training") as connection:
        check_vocabulary(connection, version_of_document(data.vocabulary))
    made = training_set(
        connections,
        data.service,
        log_position=data.log_position,
        placed_from=datetime.fromisoformat(data.placed_from) if data.placed_from else None,
        placed_to=datetime.fromisoformat(data.placed_to) if data.placed_to else None,
    )
    versions = feature_versions_of(made.service)
    changed = [name for name, version in versions.items() if version != data.features.get(name)]
    digest = frame_digest(made.frame)
    gone = data.rows - made.frame.height
    if not changed and gone > 0 and forgotten_bets(connections) >= gone:
        raise ConfigurationError(
            f"{gone:,} of the {data.rows:,} bets of {pinned.name} were forgotten since (docs/forget.md), so its "
            "training set cannot be made again",
            "Nothing was trained",
            f"Train on what is left: `pikkit train --service {data.service}{_placed(data)}`",
        )
    if changed or digest != data.frame_digest:
        because = (
            f"these features have other definitions now: {', '.join(changed)}"
            if changed
            else f"{made.frame.height:,} rows, digest {digest[:12]}; then {data.rows:,}, {data.frame_digest[:12]}"
        )
        raise ConfigurationError(
            f"The training set of {pinned.name} cannot be made again from this store: {because}",
            "Nothing was trained",
            "Use the store that it was trained on with the code of that time "
            f"({pinned.code_version}), or train a new model",
        )
    return made


def _placed(data: Data) -> str:
    since = f" --since {data.placed_from}" if data.placed_from else ""
    return f"{since} --until {data.placed_to}" if data.placed_to else since


def forgotten_bets(connections: Connections) -> int:
    """How many bets the store has forgotten."""
    with connect(connections.postgres, purpose="training", autocommit=True) as connection:
        return len(Forgotten.of_store(connection).bets)


def publishable_position(connections: Connections, *, as_is: bool) -> Position:
    """Where the features stand, once they are known to have passed their gate. The look is a run of its own.

    Raises GateRefused, and ConfigurationError when they are stale and not to be taken `as_is`.
    """
    now = clock.now()
    with locked_store(connections, "train") as connection, recorded_run(connections.postgres, "train", now=now) as this:
        with this.step("gate") as step:
            _check_gate(connection)
            position, watermark, _ = connection.execute(statement("log_position")).fetchone() or (0, None, 0)
            if watermark is None:
                raise ConfigurationError(
                    "This store has no features yet", "Nothing was trained", "Load bets with `pikkit run` first"
                )
            if now - watermark > STALE and not as_is:
                raise ConfigurationError(
                    f"The features are as of {watermark:%Y-%m-%d %H:%M} UTC, which is more than "
                    f"{STALE // timedelta(hours=1)} hours ago",
                    "Nothing was trained",
                    "Refresh them first: `pikkit train --source ...`, or `pikkit run`. To train on them nevertheless: "
                    "`--as-is`",
                )
            step.result = found = Position(position, watermark.isoformat())
        return this.finished(found).summary


def describe(
    connections: Connections,
    made: TrainingSet,
    position: Position,
    placed_from: datetime | None,
    placed_to: datetime | None,
) -> Data:
    """What a manifest says of a training set."""
    with connect(connections.postgres, purpose="training") as connection:
        vocabulary = vocabulary_version(connection)
    return Data(
        made.service.service,
        position.log_position,
        position.features_watermark,
        instant(placed_from),
        instant(placed_to),
        made.frame.height,
        frame_digest(made.frame),
        feature_versions_of(made.service),
        vocabulary.document(),
    )


def refuse_written(directory: Path) -> None:
    """Raise ConfigurationError when the directory holds anything: a model is never written over."""
    if directory.exists() and any(directory.iterdir()):
        raise ConfigurationError(
            f"{directory} is not empty", "Nothing was trained", "Name another place with `--out`, or remove it"
        )


def _fitted(
    made: TrainingSet, data: Data, directory: Path, seconds: dict[str, float], progress: Progress
) -> TrainedModel:
    begun = time.perf_counter()
    fitted = fit_win(made, progress)
    returns = fit_returns(made, fitted.cuts, fitted.model.codes, progress)
    seconds["models"] = time.perf_counter() - begun
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
    return TrainedModel(directory, manifest, fitted, returns, seconds)


@contextmanager
def whole_directory(directory: Path) -> Iterator[Path]:
    """A directory beside this one to write into. Under its name it is there once it is whole, or not at all."""
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # all of a home is closed to other users
    with TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as temporary:
        unfinished = Path(temporary) / directory.name
        unfinished.mkdir()
        yield unfinished
        unfinished.rename(directory)


def _check_gate(connection: psycopg.Connection) -> None:
    with connection.cursor(row_factory=dict_row) as cursor:
        judged = cursor.execute(statement_of("training", "last_judgement")).fetchone()
    if judged is not None and judged["state"] == "refused":
        raise GateRefused(
            f"The last refresh was refused by its quality gate ({judged['failed']}), "
            f"at {judged['judged_at']:%Y-%m-%d %H:%M} UTC",
            "Nothing was trained: the features are those of before",
            "`pikkit gate` shows the checks; when the source is put right, run again",
            run_id=judged["run_id"],
        )
