"""A training set as files: the bets as Parquet, and the manifest from which the same can be made again.

Whoever wants a model of another kind trains it on these files, and is judged on the same parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import polars as pl

from feature_repo import clock
from feature_repo.servers.connections import Connections
from ingestion.runs.record import Documented, Run, code_version
from ingestion.runs.run_beside import run_beside_others
from training.artefacts.new_directory import refuse_written, whole_directory
from training.dataset import TrainingSet, placement_list
from training.learning.fit import graded_bets
from training.manifest import Data, PinnedData, environment, write_manifest
from training.pinned_sets import pinned_training_set, same_training_set
from training.split import PARTS, day_cuts, parts, purge_warnings

BETS_FILE: Final = "bets.parquet"
#: The columns that a dataset's file has beside those of the training set.
OF_THE_PART: Final = ("part", "won", "roi")


@dataclass(frozen=True)
class ColumnStatistics:
    """A column of a dataset."""

    name: str
    type: str
    nulls: int
    #: Of its values as numbers; null for text and instants, and where there is no value.
    mean: float | None
    sd: float | None
    min: float | None
    max: float | None


@dataclass(frozen=True)
class DatasetManifest:
    """A dataset and where it came from."""

    name: str
    #: By the project's clock, ISO 8601.
    made_at: str
    code_version: str
    data: Data
    #: The first days of validation and test, UTC.
    cuts: Mapping[str, str]
    #: Bets of each part, by its name.
    parts: Mapping[str, int]
    #: What to know before it is trained on (`purge_warnings`).
    warnings: tuple[str, ...]
    #: In the order of the file.
    columns: tuple[ColumnStatistics, ...]
    #: SHA-256 of each file.
    files: Mapping[str, str]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class DatasetSummary(Documented):
    """What `dataset` did."""

    directory: str
    service: str
    log_position: int
    frame_digest: str
    #: Bets of each part.
    bets: Mapping[str, int]


def make_dataset(
    connections: Connections,
    service: str,
    directory: Path,
    *,
    placed_from: datetime | None = None,
    placed_to: datetime | None = None,
    as_is: bool = False,
) -> DatasetManifest:
    """Write the training set of a service as the store stands now. Raises what `pinned_training_set` raises, and
    ConfigurationError when the directory already has anything.
    """
    refuse_written(directory)
    placement_list(service)
    with run_beside_others(connections, "dataset") as run:
        made, data = pinned_training_set(
            connections, service, run, placed_from=placed_from, placed_to=placed_to, as_is=as_is
        )
        return _written(run, made, data, directory)


def remake_dataset(connections: Connections, pinned: PinnedData, directory: Path) -> DatasetManifest:
    """Write the training set of a manifest again. Raises what `same_training_set` raises, and ConfigurationError when
    the directory already has anything.
    """
    refuse_written(directory)
    with run_beside_others(connections, "dataset") as run:
        return _written(run, same_training_set(connections, pinned, run), pinned.data, directory)


def _written(run: Run, made: TrainingSet, data: Data, directory: Path) -> DatasetManifest:
    with run.step("write") as step:
        manifest = write_dataset(made, data, directory)
        step.result = summary = DatasetSummary(
            str(directory), data.service, data.log_position, data.frame_digest, manifest.parts
        )
    run.finished(summary)
    return manifest


def write_dataset(made: TrainingSet, data: Data, directory: Path) -> DatasetManifest:
    """Write a training set into a directory, which must not have anything in it yet.

    `bets.parquet` has the set's columns, then `part`, `won` (null for a bet that was neither won nor lost) and `roi`,
    what a stake of 1 returned beyond itself; a row for each bet in order of time_placed and id. When the result was
    known is `known_at`. Raises ConfigurationError when the bets lie on too few days to be cut.
    """
    cuts = day_cuts(graded_bets(made.frame)[0]["time_placed"])
    stake = pl.col("amount_cents").cast(pl.Float64)
    frame = made.frame.with_columns(
        parts(made.frame["time_placed"], made.frame["known_at"], cuts),
        won=pl.col("is_win"),
        roi=pl.when(stake > 0).then(pl.col("profit_cents") / stake),
    )
    with whole_directory(directory) as unfinished:
        frame.write_parquet(unfinished / BETS_FILE)
        manifest = DatasetManifest(
            directory.name,
            clock.now().isoformat(),
            code_version(),
            data,
            {"validation": cuts.validation.isoformat(), "test": cuts.test.isoformat()},
            {name: frame.filter(pl.col("part") == name).height for name in PARTS},
            purge_warnings(frame["time_placed"], frame["part"], cuts),
            dataset_statistics(frame),
            {BETS_FILE: sha256((unfinished / BETS_FILE).read_bytes()).hexdigest()},
            environment(),
        )
        write_manifest(unfinished, manifest)
    return manifest


def dataset_statistics(frame: pl.DataFrame) -> tuple[ColumnStatistics, ...]:
    """What a manifest says of the columns of a dataset's file, in their order."""
    return tuple(_statistics(column) for column in frame)


def _statistics(column: pl.Series) -> ColumnStatistics:
    numbers = column.cast(pl.Float64) if column.dtype.is_numeric() or column.dtype == pl.Boolean else None
    values: list[Any] = [None] * 4 if numbers is None else [numbers.mean(), numbers.std(), numbers.min(), numbers.max()]
    return ColumnStatistics(column.name, str(column.dtype), column.null_count(), *values)
