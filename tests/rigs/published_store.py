"""A small published store of a test's own, behind the gated provider.

published    Postgres, an empty Redis and an applied registry; two runs passed their gate; the clock stands at WATERMARK
gated        Feast's store over it, as plain Python has it
database     (tests/conftest.py) is not this store: `published.database` is an open connection to it

run     view                key        event_timestamp
FIRST   sport_stats         NBA, NFL   WATERMARK - 10 days
FIRST   institution_stats   Pinnacle   WATERMARK - 10 days
SECOND  sport_stats         NBA        WATERMARK - 1 hour
SECOND  bet_facts           b1         WATERMARK - 2 hours
LONE    sport_stats         NHL        WATERMARK - 20 days
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis
from psycopg import sql

from feature_repo import REPOSITORY
from feature_repo.declarations.views import BET_FACTS, INSTITUTION_STATS, SPORT_STATS
from feature_repo.servers.connections import Connections, Postgres, Redis
from feature_repo.servers.environment import feast_environment
from ingestion.database.access import connect
from tests.builders.judgements import pass_gates
from tests.rigs.databases import create_database
from tests.rigs.forked_commands import run_forked

WATERMARK = datetime(2026, 5, 1, 12, tzinfo=UTC)
FIRST, SECOND, LONE = (UUID(int=number) for number in (1, 2, 3))


@dataclass(frozen=True)
class Published:
    """The store, and what a test looks at to see whether it was touched."""

    connections: Connections
    database: psycopg.Connection

    def execute(self, query: str, *params: Any) -> None:
        """Change Postgres behind everybody's back."""
        self.database.execute(query, params)

    def held(self) -> set[str]:
        """The keys that Redis holds."""
        with redis.Redis.from_url(self.connections.redis.url) as client:
            return {re.sub(r"[^A-Za-z0-9_]+", " ", key.decode(errors="replace")) for key in client.scan_iter()}

    def registry(self) -> list[tuple[Any, ...]]:
        """Every row of the registry, byte for byte."""
        tables = ("feature_views", "entities", "data_sources", "feature_services", "projects", "feast_metadata")
        versions = "feature_view_version_history"
        return [row for table in (*tables, versions) for row in self._rows(table)]

    def _rows(self, table: str) -> list[tuple[Any, ...]]:
        query = sql.SQL("select * from feast.{} as t order by t::text").format(sql.Identifier(table))
        return self.database.execute(query).fetchall()

    def feast(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Feast's own command, with nothing but what `pikkit env` prints."""
        return run_forked("feast", arguments, environ=self.environ(), cwd=what_feast_reads())

    def environ(self) -> dict[str, str]:
        return dict(os.environ) | feast_environment(self.connections)

    def store(self) -> Any:
        """Feast's store, as another program has it."""
        from feast import FeatureStore

        return FeatureStore(str(REPOSITORY))


@cache
def what_feast_reads() -> Path:
    """A directory with the parts of the repository that Feast reads.

    In the repository itself an apply or a plan takes seconds to find out which of the files of `.venv` are not meant.
    """
    directory = Path(tempfile.mkdtemp(prefix="pikkit-test-"))
    atexit.register(shutil.rmtree, directory)
    for name in ("feature_repo", "feature_store.yaml", ".feastignore"):
        source = REPOSITORY / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, directory / name)
    return directory


@pytest.fixture(scope="session")
def published_template(applied_template: Postgres, servers: Connections) -> Postgres:
    postgres = create_database(servers.postgres, "published", applied_template)
    with connect(postgres, purpose="test") as database:
        _fill(database)
        database.commit()
    return postgres


@pytest.fixture
def published(
    clone: Callable[[Postgres | None], Postgres],
    published_template: Postgres,
    empty_redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Published]:
    here = Connections(clone(published_template), empty_redis, embedded=False)
    for variable, value in feast_environment(here).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("PIKKIT_NOW", WATERMARK.isoformat())
    with connect(here.postgres, purpose="test", autocommit=True) as database:
        yield Published(here, database)


@pytest.fixture
def gated(published: Published) -> Any:
    return published.store()


def _fill(database: psycopg.Connection) -> None:
    database.execute("insert into features.watermark values (true, 1, %s, %s)", [WATERMARK, SECOND])
    first, second, lone = WATERMARK - timedelta(days=10), WATERMARK - timedelta(hours=1), WATERMARK - timedelta(days=20)
    stats = dict.fromkeys(SPORT_STATS.features, 1)
    for key, run_id, instant in (
        ("NBA", FIRST, first),
        ("NFL", FIRST, first),
        ("NBA", SECOND, second),
        ("NHL", LONE, lone),
    ):
        insert(database, "sport_stats", run_id, instant, {"sport": key} | stats)
    of_books = dict.fromkeys(INSTITUTION_STATS.features, 2)
    insert(database, "institution_stats", FIRST, first, {"institution_name": "Pinnacle"} | of_books)
    insert(
        database,
        BET_FACTS.name,
        SECOND,
        WATERMARK - timedelta(hours=2),
        {"bet_id": "b1", "amount": 0.1, "is_live": True},
    )
    pass_gates(database)


def insert(database: psycopg.Connection, view: str, run_id: UUID, instant: datetime, values: dict[str, Any]) -> None:
    """Add a change row."""
    row = values | {"run_id": run_id, "event_timestamp": instant, "created_timestamp": instant}
    command = sql.SQL("insert into {} ({}) values ({})").format(
        sql.Identifier("features", f"{view}_changes"),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join([sql.Placeholder()] * len(row)),
    )
    database.execute(command, list(row.values()))
