"""A table of bets to read, both ways, and the syncs that read it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from feature_repo import clock
from feature_repo.servers.connections import Connections, Postgres
from ingestion.database.access import connect
from ingestion.intake.counts import IntakeCounts, ReconcileCounts
from ingestion.intake.load import load_rows
from ingestion.intake.reconcile import reconcile_table
from ingestion.intake.request import SyncRequest, requested_rows
from ingestion.progress import Progress, silent
from ingestion.sources.files.file_source import open_file
from ingestion.sources.postgres.postgres_table import open_postgres
from ingestion.sources.settings import SourcePostgres
from ingestion.sources.supabase.supabase_table import open_supabase
from ingestion.sources.table import SourceTable
from tests.builders.bet_files import NOW, jsonl
from tests.builders.source_table import create_bets
from tests.rigs.gateway import Proxy
from tests.rigs.lenient_pipeline import run
from tests.rigs.supabase import Supabase

PATIENCE = timedelta(minutes=10)


@pytest.fixture
def prepared(new_applied: Callable[[], Connections]) -> Connections:
    """Stores with a schema, a registry and nothing in them, the clock at NOW."""
    clock.set_now(NOW)
    return new_applied()


@pytest.fixture
def query(prepared: Connections) -> Callable[[LiteralString], list[Any]]:
    """The rows that a query of the prepared store gives."""

    def query(statement: LiteralString) -> list[Any]:
        with connect(prepared.postgres, purpose="test") as connection:
            return connection.execute(statement).fetchall()

    return query


@dataclass(frozen=True)
class Source:
    """A table that a test writes to through `postgres`, and that syncs read by what `open` returns."""

    postgres: Postgres
    open: Callable[[Progress], SourceTable]
    environ: dict[str, str]
    proxy: Proxy | None


@pytest.fixture(params=["postgres", "supabase"])
def source(request: pytest.FixtureRequest, clone: Callable[[Postgres | None], Postgres]) -> Source:

    if request.param == "supabase":
        project: Supabase = request.getfixturevalue("supabase")
        create_bets(project.postgres)
        return Source(
            project.postgres,
            lambda progress: open_supabase(project.project(), PATIENCE, progress),
            project.environ(),
            project.proxy,
        )
    postgres = clone(None)
    create_bets(postgres)
    return Source(
        postgres,
        lambda progress: open_postgres(SourcePostgres(conninfo(postgres), "public", "bets"), PATIENCE, progress),
        {"SOURCE_POSTGRES_URL": conninfo(postgres)},
        None,
    )


def conninfo(postgres: Postgres) -> str:
    return psycopg.conninfo.make_conninfo(**postgres.conninfo)


@pytest.fixture
def sync(source: Source, database: psycopg.Connection) -> Callable[..., IntakeCounts]:
    def sync(*, now: datetime = NOW, **request: Any) -> IntakeCounts:
        with requested_rows(database, source.open(silent), SyncRequest(**request)) as rows:
            counts = load_rows(database, rows, run_id=uuid.uuid4(), now=now)
        database.commit()
        return counts

    return sync


@pytest.fixture
def compare(source: Source, database: psycopg.Connection) -> Callable[..., ReconcileCounts]:
    """A reconciliation, without the sync before it."""

    def compare(*, now: datetime = NOW, **differs: Any) -> ReconcileCounts:
        with opened(source) as (name, reading):
            counts = reconcile_table(database, name, reading, run_id=uuid.uuid4(), clock=lambda: now, **differs)
        database.commit()
        return counts

    return compare


@contextmanager
def opened(source: Source) -> Iterator[tuple[str, Any]]:
    table = source.open(silent)
    with table.reading() as reading:
        yield table.name, reading


@pytest.fixture
def load(prepared: Connections, tmp_path: Path) -> Callable[..., Any]:
    """Run the pipeline at `now` over a file of these bets. Returns the finished run."""

    def load(*bets: Any, now: datetime = NOW) -> Any:
        clock.set_now(now)
        return run(prepared, open_file(jsonl(tmp_path / "bets.jsonl", *bets)))

    return load
