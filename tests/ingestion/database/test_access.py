"""Connections to the store: their settings, waits for locks and turns of others, servers that do not answer."""

from __future__ import annotations

import dataclasses
import socket

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

from feature_repo.errors import LockHeld, Unreachable
from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.servers.connections import Postgres
from ingestion.database.access import advisory_lock, connect, snapshot
from ingestion.doctor.postgres import check_postgres
from tests.rigs.commands import by_name


def test_session_is_in_utc_whatever_the_time_zone_of_the_database(postgres: Postgres) -> None:
    with connect(postgres, purpose="test", autocommit=True) as connection:
        name = sql.Identifier(postgres.database)
        connection.execute(sql.SQL("alter database {} set timezone = 'Asia/Tokyo'").format(name))
    with connect(postgres, purpose="test") as connection:
        assert connection.execute("show timezone").fetchone() == ("UTC",)


def test_a_connection_opens_with_no_transaction_begun(database: psycopg.Connection) -> None:
    assert database.info.transaction_status is TransactionStatus.IDLE


# ---- locks of others -----------------------------------------------------------------------------------------------


@pytest.mark.long
def test_wait_for_a_locked_table_ends_with_a_refusal_and_doctor_names_the_holder(
    database: psycopg.Connection, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute("create table things (n bigint)")
    database.commit()
    monkeypatch.setattr("feature_repo.postgres.sessions.LOCK_PATIENCE", 0.2)
    monkeypatch.setattr("ingestion.database.access.LOCK_PATIENCE", 0.2)
    monkeypatch.setattr("ingestion.doctor.postgres.LOCK_PATIENCE", 0.0)
    with psycopg.connect(**postgres.conninfo, application_name="psql") as holder:
        holder.execute("lock table things in access exclusive mode")
        with (
            pytest.raises(LockHeld, match="another session holds") as refused,
            postgres_errors("Postgres"),
            connect(postgres, purpose="run") as run,
        ):
            run.execute("insert into things values (1)")
        assert "`pikkit doctor`" in refused.value.next_step
        with pytest.raises(psycopg.errors.LockNotAvailable):
            snapshot(make_conninfo(**postgres.conninfo), purpose="sync", locked=sql.Identifier("things"))
        check = by_name(check_postgres(postgres))["transactions"]
        assert (check.verdict, f"psql of postgres, process {holder.info.backend_pid}" in check.found) == ("warn", True)
    assert by_name(check_postgres(postgres))["transactions"].verdict == "ok"


def test_advisory_lock_that_another_session_holds_past_the_patience_is_refused_with_the_name_of_the_holder(
    database: psycopg.Connection, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feature_repo.postgres.sessions.LOCK_PATIENCE", 0.2)
    for key in (7, -(2**62)):
        with advisory_lock(database, key), connect(postgres, purpose="export") as other:
            with pytest.raises(LockHeld) as refused, advisory_lock(other, key):
                pass
            assert refused.value.holder == f"pikkit test, process {database.info.backend_pid}"
            with advisory_lock(other, key + 1):
                pass


# ---- errors --------------------------------------------------------------------------------------------------------


def test_a_refused_connection_names_the_database_and_not_the_password() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(Unreachable) as refused:
            connect(Postgres("127.0.0.1", port, "bets", "somebody", "s3cret"), purpose="test")
    assert f"127.0.0.1:{port}/bets" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_missing_database_is_unreachable(postgres: Postgres) -> None:
    with pytest.raises(Unreachable, match="nowhere"):
        connect(dataclasses.replace(postgres, database="nowhere"), purpose="test")
