"""One run at a time holds the lock of a store, and loses it with its session."""

from __future__ import annotations

import dataclasses
import sys
from subprocess import PIPE, Popen

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from feature_repo.errors import ConfigurationError, LockHeld, Unreachable
from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.servers.connections import Postgres
from ingestion.database.access import commit, connect, hold_run_lock
from tests.conftest import REPOSITORY
from tests.rigs.processes import wait_until
from tests.rigs.trouble import terminate_session


def test_second_run_is_refused_at_once_with_the_holder_of_the_run_lock(
    database: psycopg.Connection, postgres: Postgres
) -> None:
    with hold_run_lock(database, "backfill"), connect(postgres, purpose="other") as other:
        with pytest.raises(LockHeld) as refused, hold_run_lock(other, "run"):
            pass
        assert refused.value.holder.startswith(
            f"pikkit backfill, process {database.info.backend_pid}, connected since "
        )


def test_run_lock_is_held_after_a_commit(database: psycopg.Connection, postgres: Postgres) -> None:
    with hold_run_lock(database, "run"), connect(postgres, purpose="other") as other:
        database.commit()
        with pytest.raises(LockHeld), hold_run_lock(other, "run"):
            pass


@pytest.mark.parametrize("autocommit", [True, False])
def test_run_lock_is_free_after_a_failed_run(
    database: psycopg.Connection, postgres: Postgres, autocommit: bool
) -> None:
    database.autocommit = autocommit
    with pytest.raises(psycopg.errors.DivisionByZero), hold_run_lock(database, "run"):
        database.execute("select 1 / 0")
    with connect(postgres, purpose="other") as other, hold_run_lock(other, "run"):
        assert database.info.transaction_status is TransactionStatus.IDLE


def test_uncommitted_rows_are_undone_before_the_run_lock_is_free(
    database: psycopg.Connection, postgres: Postgres
) -> None:
    database.execute("create table things (n bigint)")
    database.commit()
    with hold_run_lock(database, "run"):
        database.execute("insert into things values (1)")
    assert database.execute("select count(*) from things").fetchone() == (0,)


def test_run_lock_of_a_killed_process_is_free(postgres: Postgres) -> None:
    script = (
        "import sys; from feature_repo.servers.connections import Postgres; from ingestion.database.access import *\n"
        f"connection = connect(Postgres(**{dataclasses.asdict(postgres)!r}), purpose='run')\n"
        "with hold_run_lock(connection, 'run'): print('held', flush=True); sys.stdin.read()"
    )
    holder = Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdin=PIPE, stdout=PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.kill()
    holder.communicate()
    wait_until(lambda: _can_lock(postgres))


def test_run_lock_lost_with_a_session_does_not_hide_the_error(database: psycopg.Connection, postgres: Postgres) -> None:
    with pytest.raises(Unreachable), hold_run_lock(database, "run"), postgres_errors("Postgres"):
        terminate_session(postgres, database)


def test_session_of_the_run_lock_keeps_no_vacuum_back(database: psycopg.Connection) -> None:
    """It is idle in a transaction for as long as a run takes, with neither a transaction id nor a snapshot."""
    with hold_run_lock(database, "run"):
        horizons = database.execute(
            "select state, backend_xid, backend_xmin from pg_stat_activity join pg_locks using (pid) "
            "where relation = 'ops.run_lock'::regclass"
        )
        assert horizons.fetchall() == [("idle in transaction", None, None)]


def test_nothing_is_committed_once_the_session_of_the_run_lock_has_ended(
    database: psycopg.Connection, postgres: Postgres
) -> None:
    database.execute("create table things (n bigint)")
    database.commit()
    with hold_run_lock(database, "run"):
        database.execute("insert into things values (1)")
        commit(database)
        database.execute("insert into things values (2)")
        with connect(postgres, purpose="test", autocommit=True) as executioner:
            executioner.execute(
                "select pg_terminate_backend(pid, 600000) from pg_locks where relation = 'ops.run_lock'::regclass"
            )
        with pytest.raises(Unreachable, match="run lock"):
            commit(database)
    assert database.execute("select n from things").fetchall() == [(1,)]


def test_store_without_the_run_lock_asks_for_a_migration(blank_postgres: Postgres) -> None:
    with (
        connect(blank_postgres, purpose="test") as connection,
        pytest.raises(ConfigurationError, match="pikkit migrate"),
        hold_run_lock(connection, "apply"),
    ):
        pass


def _can_lock(postgres: Postgres) -> bool:
    try:
        with connect(postgres, purpose="other") as other, hold_run_lock(other, "run"):
            return True
    except LockHeld:
        return False
