"""What tests of training share: a store with a model that was trained on it, and manifests of models of no store."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from feature_repo.servers.connections import Connections, Postgres
from tests.builders.bet_files import jsonl
from tests.builders.bettors import AFTERWARDS, bettor
from tests.builders.hostile_text import TEXTS
from tests.builders.manifests import manifest_of
from tests.builders.training_sets import world
from tests.rigs.commands import environ_of, pikkit_here
from tests.rigs.databases import temporary_database
from training.dataset import TrainingSet
from training.manifest import ModelManifest


@dataclass(frozen=True)
class TrainedStore:
    """A store of a bettor with an edge in live bets, and the model that was trained on it."""

    connections: Connections
    home: Path
    file: Path
    rows: list[dict[str, Any]]
    document: dict[str, Any]

    @property
    def model(self) -> Path:
        return Path(self.document["directory"])

    @property
    def tracking(self) -> Path:
        """Where MLflow keeps what was logged."""
        return self.home.with_name("mlflow")

    def pikkit(self, *arguments: str | Path, **variables: str) -> Any:
        variables = {"PIKKIT_NOW": AFTERWARDS.isoformat()} | variables
        return pikkit_here(*arguments, environ=environ_of(self.connections, self.home, **variables))


@pytest.fixture(scope="session")
def trained(
    servers: Connections, applied_template: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TrainedStore]:
    here = tmp_path_factory.mktemp("trained")
    with temporary_database(servers.postgres, applied_template) as postgres:
        connections = dataclasses.replace(servers, postgres=postgres, embedded=False)
        rows = bettor(1.0)
        store = TrainedStore(connections, here / "home", jsonl(here / "bets.jsonl", *rows), rows, {})
        done = store.pikkit(
            "train", "--source", store.file, "--json",
            # A store of MLflow's that needs no server; its client asks whether that is meant.
            MLFLOW_TRACKING_URI=store.tracking.as_uri(), MLFLOW_ALLOW_FILE_STORE="true",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        yield dataclasses.replace(store, document=json.loads(done.stdout))


HOSTILE_MODEL = '"><img src=http://127.0.0.1:1/x onerror=alert(1)>\u202e'


@pytest.fixture(scope="session")
def manifests() -> dict[str, ModelManifest]:
    """By what is special about them: ordinary, hostile, tiny."""
    return {
        "ordinary": manifest_of(world(1, edge=0.8, events_a_day=10)),
        "hostile": manifest_of(_hostile(world(2, edge=0.4, days=40, events_a_day=20)), name=HOSTILE_MODEL),
        # A day for each part: no interval of the test has an end.
        "tiny": manifest_of(world(3, days=3, events_a_day=40)),
    }


def _hostile(training_set: TrainingSet) -> TrainingSet:
    texts = [TEXTS["html"], TEXTS["right to left"], TEXTS["longest"]]
    names = {f"sport {code}": text for code, text in zip((1, 2, 3), texts, strict=True)}
    frame = training_set.frame.with_columns(
        sport=pl.col("sport").replace_strict(names), institution_name=pl.lit("\u2028</td><script>alert(1)</script>")
    )
    return dataclasses.replace(training_set, frame=frame)
