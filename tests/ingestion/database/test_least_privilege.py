"""docs/store-roles.sql on a real server: each role can do its work, and nothing beyond it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from feature_repo.errors import ConfigurationError, PikkitError
from feature_repo.postgres.queries import feast_statement
from feature_repo.postgres.run_lock import lock_holder
from feature_repo.servers.connections import Connections, Postgres, Redis
from ingestion.database.access import connect, hold_run_lock
from ingestion.database.migrate import apply_migrations
from ingestion.doctor.postgres import check_postgres
from ingestion.sources.postgres.postgres_table import open_postgres
from ingestion.sources.settings import SourcePostgres
from ingestion.sources.table import StampWindow
from tests.builders.bet_files import NOW, T0, bet, jsonl, lost
from tests.builders.source_table import create_bets, put
from tests.conftest import REPOSITORY
from tests.ingestion.sources.test_postgres import FOR_EVER, ids, source_of
from tests.rigs.commands import by_name, environ_of, pikkit

ROLES = REPOSITORY / "docs" / "store-roles.sql"
WORK = [("migrate",), ("apply",), ("run", "--source", "bets.jsonl"), ("verify",), ("doctor",)]
SERVED_VECTOR = {
    "served_at": NOW.isoformat(),
    "service": "s",
    "bet_id": None,
    "entities": {},
    "features": {},
    "views": {},
}
# What Postgres lets every role do: hold the lock that a run once took, fill the disk.
HELD_UP = (
    "select pg_advisory_lock(7745548072115291137)",
    "select pg_try_advisory_xact_lock_shared(1, 2)",
    "create temporary table mine (n int)",
    "select lo_create(0)",
    "select lo_from_bytea(0, 'x')",
)


@pytest.fixture
def make_roles(blank_postgres: Postgres) -> Callable[[], None]:
    """Run the file as an operator does, in a database that has other tables too."""
    with connect(blank_postgres, purpose="test", autocommit=True) as connection:
        connection.execute("create schema other; create table other.secrets (name text)")
    create_bets(blank_postgres)
    put(blank_postgres, bet("b1"))

    def make_roles() -> None:
        with psycopg.connect(**blank_postgres.conninfo, autocommit=True) as connection:
            connection.execute(ROLES.read_text())

    make_roles()
    return make_roles


@pytest.fixture
def as_role(
    make_roles: Callable[[], None], blank_postgres: Postgres, empty_redis: Redis
) -> Callable[[str], Connections]:
    def as_role(role: str) -> Connections:
        postgres = dataclasses.replace(blank_postgres, user=role, password="unused")
        return Connections(postgres, empty_redis, embedded=False)

    return as_role


def allowed(postgres: Postgres, *commands: str) -> list[str]:
    """Those of the commands that the server takes. None is to be."""
    taken = []
    with connect(postgres, purpose="test", autocommit=True) as connection:
        for command in commands:
            try:
                connection.execute(command)
            except psycopg.errors.InsufficientPrivilege:
                continue
            taken.append(command)
    return taken


@pytest.fixture
def worked(as_role: Callable[[str], Connections], make_roles: Callable[[], None], tmp_path: Path) -> Connections:
    """A store that pikkit_store brought up, with the roles made again afterwards."""
    jsonl(tmp_path / "bets.jsonl", bet("b1", 1), lost("b2", 2), bet("b3", amount=-1))
    store = as_role("pikkit_store")
    environ = environ_of(store, tmp_path / "home", PIKKIT_NOW=NOW.isoformat())
    for arguments in WORK:
        done = pikkit(*arguments, environ=environ, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    make_roles()
    return store


def test_the_store_s_role_does_the_whole_job_and_owns_nothing_else(worked: Connections) -> None:
    store = worked.postgres
    with connect(store, purpose="test", autocommit=True) as connection:
        owned = connection.execute(
            "select nspname from pg_namespace where pg_get_userbyid(nspowner) = 'pikkit_store' order by 1"
        ).fetchall()
        assert connection.execute("select count(*) from processed.bets").fetchone() == (2,)
    assert [name for (name,) in owned] == ["feast", "features", "ops", "processed", "quarantine", "raw"]
    assert not allowed(
        store,
        "select * from other.secrets",
        "insert into other.secrets values ('x')",
        "create table other.mine (n int)",
        "create table public.mine (n int)",
        "select * from public.bets",
        "update public.bets set sport = 'x'",
        "delete from public.bets",
        "alter table public.bets add column mine int",
        "create role mine",
        "create database mine",
        "grant all on schema other to pikkit_store",
    )


def test_the_trainer_s_role_asks_feast_and_changes_nothing(
    worked: Connections, as_role: Callable[[str], Connections], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    from feature_repo.servers.environment import feast_environment
    from feature_repo.store import store_at

    trainer = as_role("pikkit_trainer")
    for name, value in feast_environment(trainer).items():
        monkeypatch.setenv(name, value)
    asked = pd.DataFrame({"sport": ["Soccer"], "event_timestamp": [pd.Timestamp(NOW)]})
    answer = store_at(trainer).get_historical_features(asked, features=["sport_stats:sport_count"]).to_df()
    assert answer["sport_count"].to_list() == [2]
    assert not allowed(
        trainer.postgres,
        "select * from raw.bet_versions",
        "select * from processed.bets",
        "select * from quarantine.bets",
        "select * from ops.runs",
        "select * from ops.served_vectors",
        "delete from ops.served_vectors",
        "select * from public.bets",
        "select * from other.secrets",
        "insert into features.vocabulary values ('sport', 'x', 99)",
        "update features.watermark set log_position = 0",
        "delete from features.sport_stats_changes",
        "truncate features.sport_stats_changes",
        "delete from feast.feature_views",
        "drop table feast.feature_views",
        "create table features.mine (n int)",
        "create table public.mine (n int)",
        "create schema mine",
        "do $$ begin lock table ops.run_lock in access share mode; end $$",
        *HELD_UP,
    )
    with connect(trainer.postgres, purpose="test") as keeping:
        keeping.execute(feast_statement("keep_served_vectors"), {"vectors": json.dumps([SERVED_VECTOR])})
    with pytest.raises(ConfigurationError, match="permission denied"):
        store_at(trainer).materialize_incremental(NOW)
    # A lock that a reader can take on what it reads keeps nobody from the run lock.
    with connect(trainer.postgres, purpose="test") as reading, connect(worked.postgres, purpose="test") as writing:
        reading.execute("lock table features.watermark, features.sport_stats_changes in access share mode")
        with hold_run_lock(writing, "run"):
            assert lock_holder(reading) == f"pikkit run, process {writing.info.backend_pid}"


def test_the_reader_s_role_reads_the_table_and_changes_nothing(
    blank_postgres: Postgres, as_role: Callable[[str], Connections]
) -> None:
    reader = as_role("pikkit_source").postgres
    with open_postgres(source_of(reader), FOR_EVER).reading() as reading:
        assert ids(reading.pages(StampWindow())) == ["b1"]
        assert reading.keys(T0.date())["id"].to_list() == ["b1"]
        assert reading.digests().height == 1
    assert not allowed(
        reader,
        "insert into bets (id) values ('x')",
        "update bets set sport = 'x'",
        "delete from bets",
        "truncate bets",
        "alter table bets add column mine int",
        "create table public.mine (n int)",
        "create schema mine",
        "select * from other.secrets",
        *HELD_UP,
    )


def test_doctor_as_store_role_names_the_open_transaction_of_a_stranger_and_not_the_run_lock(
    blank_postgres: Postgres, as_role: Callable[[str], Connections]
) -> None:
    """Since when it is open is hidden from this role."""
    store = as_role("pikkit_store").postgres
    with connect(store, purpose="test") as owner:
        apply_migrations(owner)
        with psycopg.connect(**blank_postgres.conninfo, application_name="psql") as holder, hold_run_lock(owner, "run"):
            holder.execute("insert into bets (id) values ('x')")
            session = f"psql of postgres, process {holder.info.backend_pid}, since when"
            check = by_name(check_postgres(store))["transactions"]
    assert check.verdict == "warn"
    assert check.found.count(", process ") == 1
    assert session in check.found


def test_the_reader_s_role_sees_the_rows_behind_row_level_security(
    blank_postgres: Postgres, as_role: Callable[[str], Connections], make_roles: Callable[[], None]
) -> None:
    with connect(blank_postgres, purpose="test", autocommit=True) as connection:
        connection.execute("alter table bets enable row level security")
    source: SourcePostgres = source_of(as_role("pikkit_source").postgres)
    with pytest.raises(PikkitError, match="row level security"):
        open_postgres(source, FOR_EVER)
    make_roles()
    with open_postgres(source, FOR_EVER).reading() as reading:
        assert reading.count(StampWindow()) == 1
