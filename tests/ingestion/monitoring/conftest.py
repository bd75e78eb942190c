"""A store after one real run, and servers that are told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feature_repo.servers.connections import Connections, Postgres, Redis
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.rigs.commands import environ_of, pikkit_here
from tests.rigs.databases import create_database, disconnect
from tests.rigs.receiver import Receiver, receiver


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as started:
        yield started


@pytest.fixture
def other_hook() -> Iterator[Receiver]:
    with receiver() as started:
        yield started


@pytest.fixture(scope="session")
def run_template(
    servers: Connections, applied_template: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Postgres:
    """A store that `pikkit run` has filled with three sound bets and a refused one."""
    here = tmp_path_factory.mktemp("run")
    postgres = create_database(servers.postgres, "after_a_run", applied_template)
    environ = environ_of(Connections(postgres, servers.redis, embedded=False), here, PIKKIT_NOW=NOW.isoformat())
    rows = [bet("won", 1), lost("lost", 2), bet("new", 3), bet("refused", status="?")]
    done = pikkit_here("run", "--source", jsonl(here / "bets.jsonl", *rows), environ=environ)
    assert done.returncode == 0, done.stderr
    disconnect(postgres)
    return postgres


@pytest.fixture
def after_run(clone: Callable[[Postgres | None], Postgres], run_template: Postgres, empty_redis: Redis) -> Connections:
    return Connections(clone(run_template), empty_redis, embedded=False)


@pytest.fixture
def told(after_run: Connections, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who works with that store."""
    return environ_of(after_run, tmp_path / "home", PIKKIT_NOW=NOW.isoformat())
