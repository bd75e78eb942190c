"""A published store of a bettor without an edge, and copies of it to spoil.

honest_store    the store, shared by the tests of a module: only to be looked at
spoilt_store    a copy of a test's own; the clock stands at AUDITED_AT
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from feature_repo import clock
from feature_repo.servers.connections import Connections, Postgres
from feature_repo.servers.environment import feast_environment
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import jsonl
from tests.builders.bettors import FIRST_DAY, bettor
from tests.rigs.databases import disconnect, emptied_redis, temporary_database
from tests.rigs.lenient_pipeline import run

DAYS = 40
AUDITED_AT: datetime = FIRST_DAY + timedelta(days=DAYS, hours=6)


@pytest.fixture(scope="module")
def honest_store(
    servers: Connections, applied_template: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Connections]:
    with temporary_database(servers.postgres, applied_template) as postgres:
        store = Connections(postgres, emptied_redis(servers.redis), embedded=False)
        clock.set_now(AUDITED_AT)
        run(store, open_file(jsonl(tmp_path_factory.mktemp("audited") / "bets.jsonl", *bettor(0.0, days=DAYS))))
        clock.set_now(None)
        yield store


@pytest.fixture
def spoilt_store(
    clone: Callable[[Postgres | None], Postgres], honest_store: Connections, monkeypatch: pytest.MonkeyPatch
) -> Connections:
    disconnect(honest_store.postgres)
    store = dataclasses.replace(honest_store, postgres=clone(honest_store.postgres))
    for variable, value in feast_environment(store).items():
        monkeypatch.setenv(variable, value)
    clock.set_now(AUDITED_AT)
    return store
