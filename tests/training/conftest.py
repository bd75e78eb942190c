"""A store whose bettor has an edge, and the model that was trained on it: shared by all tests of training."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from feature_repo.servers.connections import Connections, Postgres
from tests.builders.bet_files import jsonl
from tests.builders.bettors import AFTERWARDS, bettor
from tests.rigs.commands import environ_of, pikkit_here
from tests.rigs.trouble import administer


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

    def pikkit(self, *arguments: str | Path, **variables: str) -> Any:
        variables = {"PIKKIT_NOW": AFTERWARDS.isoformat()} | variables
        return pikkit_here(*arguments, environ=environ_of(self.connections, self.home, **variables))


@pytest.fixture(scope="session")
def trained(
    servers: Connections, applied_template: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TrainedStore]:
    here = tmp_path_factory.mktemp("trained")
    postgres = dataclasses.replace(servers.postgres, database="trained_store")
    administer(servers, "create database {} template {}", postgres.database, applied_template.database)
    connections = dataclasses.replace(servers, postgres=postgres, embedded=False)
    rows = bettor(1.0)
    store = TrainedStore(connections, here / "home", jsonl(here / "bets.jsonl", *rows), rows, {})
    done = store.pikkit("train", "--source", store.file, "--json")
    assert done.returncode == 0, done.stderr
    yield dataclasses.replace(store, document=json.loads(done.stdout))
    administer(servers, "drop database {} with (force)", postgres.database)
