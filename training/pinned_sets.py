"""Training sets that can be made again: of the store as it stands, and of a manifest. Each step is one of a run.

A set is pinned by a log position, so that runs may go on beside.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import dict_row

from feature_repo.bets.vocabulary_version import check_vocabulary, version_of_document, vocabulary_version
from feature_repo.errors import ConfigurationError, GateRefused
from feature_repo.postgres.queries import statement_of
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect, statement
from ingestion.runs.record import Documented, Run
from training.dataset import TrainingSet, training_set
from training.digest import frame_digest
from training.manifest import Data, PinnedData, feature_versions_of, instant
from training.refresh import STALE


@dataclass(frozen=True)
class Position(Documented):
    """What a store's features stand at when training begins."""

    log_position: int
    #: ISO 8601.
    features_watermark: str


@dataclass(frozen=True)
class SetCounts(Documented):
    """The training set of a run."""

    service: str
    rows: int
    features: int
    log_position: int
    frame_digest: str
    #: The model or dataset whose set was made again; null for that of the store as it stands.
    same_as: str | None


def pinned_training_set(
    connections: Connections,
    service: str,
    run: Run,
    *,
    placed_from: datetime | None,
    placed_to: datetime | None,
    as_is: bool,
) -> tuple[TrainingSet, Data]:
    """The training set of a service as the store stands now, and what pins it.

    Raises GateRefused when the last refresh was refused, and ConfigurationError when the features are stale and not to
    be taken `as_is`, when the service is none to train on, and when there is no bet.
    """
    with run.step("gate") as step:
        step.result = position = publishable_position(connections, run.now, as_is=as_is)
    with run.step("training set") as step:
        made = training_set(
            connections, service, log_position=position.log_position, placed_from=placed_from, placed_to=placed_to
        )
        data = _pinned(connections, made, position, placed_from, placed_to)
        step.result = _counts(data, None)
    return made, data


def same_training_set(connections: Connections, pinned: PinnedData, run: Run) -> TrainingSet:
    """The training set of a manifest, made again.

    Raises ConfigurationError, naming what differs, when the store does not give the same frame, and VocabularyDiffers.
    """
    data = pinned.data
    with run.step("training set") as step:
        with connect(connections.postgres, purpose="training") as connection:
            check_vocabulary(connection, version_of_document(data.vocabulary))
        made = training_set(
            connections,
            data.service,
            log_position=data.log_position,
            placed_from=datetime.fromisoformat(data.placed_from) if data.placed_from else None,
            placed_to=datetime.fromisoformat(data.placed_to) if data.placed_to else None,
        )
        _check_same(made, pinned)
        step.result = _counts(data, pinned.name)
    return made


def publishable_position(connections: Connections, now: datetime, *, as_is: bool) -> Position:
    """Where the features stand, once they are known to have passed their gate. Raises as `pinned_training_set` does."""
    with connect(connections.postgres, purpose="training") as connection:
        # The gate's word is on the features that are read with it.
        connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        _check_gate(connection)
        position, watermark, _ = connection.execute(statement("log_position")).fetchone() or (0, None, 0)
    if watermark is None:
        raise ConfigurationError(
            "This store has no features yet", "Nothing was trained or written", "Load bets with `pikkit run` first"
        )
    if now - watermark > STALE and not as_is:
        raise ConfigurationError(
            f"The features are as of {watermark:%Y-%m-%d %H:%M} UTC, which is more than "
            f"{STALE // timedelta(hours=1)} hours ago",
            "Nothing was trained or written",
            "Refresh them first: `pikkit train --source ...`, or `pikkit run`. To train on them nevertheless: "
            "`--as-is`",
        )
    return Position(position, watermark.isoformat())


def _check_gate(connection: psycopg.Connection) -> None:
    with connection.cursor(row_factory=dict_row) as cursor:
        judged = cursor.execute(statement_of("training", "last_judgement")).fetchone()
    if judged is not None and judged["state"] == "refused":
        raise GateRefused(
            f"The last refresh was refused by its quality gate ({judged['failed']}), "
            f"at {judged['judged_at']:%Y-%m-%d %H:%M} UTC",
            "Nothing was trained or written: the features are those of before",
            "`pikkit gate` shows the checks; when the source is put right, run again",
            run_id=judged["run_id"],
        )


def _pinned(
    connections: Connections,
    made: TrainingSet,
    position: Position,
    placed_from: datetime | None,
    placed_to: datetime | None,
) -> Data:
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


def _check_same(made: TrainingSet, pinned: PinnedData) -> None:
    data, versions, digest = pinned.data, feature_versions_of(made.service), frame_digest(made.frame)
    changed = [name for name, version in versions.items() if version != data.features.get(name)]
    if changed or digest != data.frame_digest:
        because = (
            f"these features have other definitions now: {', '.join(changed)}"
            if changed
            else f"{made.frame.height:,} rows, digest {digest[:12]}; then {data.rows:,}, {data.frame_digest[:12]}"
        )
        raise ConfigurationError(
            f"The training set of {pinned.name} cannot be made again from this store: {because}",
            "Nothing was trained or written",
            "Use the store that it was trained on with the code of that time "
            f"({pinned.code_version}), or train a new model",
        )


def _counts(data: Data, same_as: str | None) -> SetCounts:
    return SetCounts(data.service, data.rows, len(data.features), data.log_position, data.frame_digest, same_as)
