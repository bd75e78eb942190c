"""A store is brought up to date once, in order, whole migrations at a time, whoever else tries meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from feature_repo.connections import Postgres
from ingestion import migrate as migrations
from ingestion.database import connect
from ingestion.errors import ConfigurationError
from ingestion.migrate import create_registry, migrate, pending
from tests.conftest import REPOSITORY

SHIPPED = sorted(file.stem for file in (REPOSITORY / "ingestion" / "sql" / "migrations").glob("*.sql"))


@pytest.fixture
def blank(blank_postgres: Postgres) -> Iterator[psycopg.Connection]:
    with connect(blank_postgres, purpose="test") as connection:
        yield connection


def test_a_blank_database_gets_every_migration_in_order(blank: psycopg.Connection) -> None:
    assert pending(blank) == SHIPPED
    assert migrate(blank) == SHIPPED


def test_a_migrated_store_has_nothing_pending(database: psycopg.Connection) -> None:
    assert (pending(database), migrate(database)) == ([], [])


def test_migrations_refuse_to_be_part_of_a_larger_transaction(blank: psycopg.Connection) -> None:
    blank.execute("select 1")
    with pytest.raises(ValueError, match="no transaction open"):
        migrate(blank)


def test_looking_for_what_is_pending_changes_nothing(blank: psycopg.Connection) -> None:
    pending(blank)
    assert blank.execute("select to_regnamespace('ops')").fetchone() == (None,)


def test_everybody_who_migrates_at_once_sees_a_migrated_store(blank_postgres: Postgres) -> None:
    def one(_: int) -> list[str]:
        with connect(blank_postgres, purpose="test") as connection:
            return migrate(connection)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(one, range(4))) == [[], [], [], SHIPPED]


def test_a_failed_migration_leaves_those_before_it(
    blank: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(
        monkeypatch, tmp_path, {"0001_good": "create table good ();", "0002_bad": "create table half (); select 1 / 0;"}
    )
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(blank)
    assert blank.execute("select to_regclass('good') is null, to_regclass('half') is null").fetchone() == (False, True)
    assert pending(blank) == ["0002_bad"]


def test_an_applied_migration_that_was_edited_is_refused(
    blank: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(monkeypatch, tmp_path, {"0001_a": "select 1;"})
    migrate(blank)
    ship(monkeypatch, tmp_path, {"0001_a": "select 2;"})
    with pytest.raises(ConfigurationError, match="0001_a"):
        migrate(blank)


def test_a_store_of_a_newer_version_is_left_alone(
    blank: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(monkeypatch, tmp_path, {"0001_a": "select 1;", "0002_b": "select 1;"})
    migrate(blank)
    (tmp_path / "0002_b.sql").unlink()
    with pytest.raises(ConfigurationError, match="0002_b"):
        pending(blank)


def test_a_failure_gives_the_lock_back(
    blank: psycopg.Connection, blank_postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(monkeypatch, tmp_path, {"0001_bad": "select 1 / 0;"})
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(blank)
    ship(monkeypatch, tmp_path, {"0001_bad": "select 1;"})
    with connect(blank_postgres, purpose="other") as other:
        other.execute("set lock_timeout = '5s'")
        other.commit()
        assert migrate(other) == ["0001_bad"]


def test_the_registry_is_created_once(blank_postgres: Postgres) -> None:
    assert [create_registry(blank_postgres) for _ in range(2)] == [True, False]


def test_feast_finds_every_table_of_its_registry(blank_postgres: Postgres) -> None:
    from feast.infra.registry.sql import SqlRegistry
    from sqlalchemy import create_engine

    create_registry(blank_postgres)
    engine = create_engine(blank_postgres.sqlalchemy_url)
    SqlRegistry._verify_schema(engine)  # raises when one is missing
    engine.dispose()


def ship(monkeypatch: pytest.MonkeyPatch, folder: Path, files: dict[str, str]) -> None:
    """Have the package ship these migrations instead of its own."""
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    monkeypatch.setattr(migrations, "FOLDER", folder)
