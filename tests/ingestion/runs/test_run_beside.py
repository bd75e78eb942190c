"""A run that others go on beside is in the record as running for as long as its process lives, and no longer."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest

from feature_repo.errors import ConfigurationError, LockHeld, Unreachable
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect
from ingestion.database.locked_store import locked_store
from ingestion.runs.record import recorded_run
from ingestion.runs.run_beside import run_beside_others
from ingestion.runs.status import store_status
from tests.builders.bet_files import NOW


@pytest.fixture
def store(new_applied: Callable[[], Connections]) -> Connections:
    return new_applied()


def next_run(store: Connections) -> None:
    with locked_store(store, "sync"), recorded_run(store.postgres, "sync"):
        pass


def state(store: Connections, run_id: UUID) -> str:
    with connect(store.postgres, purpose="test") as database:
        row = database.execute("select state from ops.runs where run_id = %s", [run_id]).fetchone()
    assert row is not None
    return str(row[0])


def end_sessions(store: Connections, name: str) -> None:
    """End the sessions of a name (a pattern of LIKE), as the server does when a process dies."""
    with connect(store.postgres, purpose="test", autocommit=True) as database:
        database.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where application_name like %s and datname = current_database()",
            [name],
        )


def test_run_without_the_run_lock_is_running_while_a_sync_begins_and_ends(store: Connections) -> None:
    with run_beside_others(store, "train") as run:
        contents = store_status(store, NOW).contents
        assert contents is not None
        assert contents.last_run is not None
        assert (contents.last_run.run_id, contents.last_run.state) == (run.run_id, "running")
        next_run(store)
        assert state(store, run.run_id) == "running"
    assert state(store, run.run_id) == "done"
    next_run(store)
    assert state(store, run.run_id) == "done"


def test_run_without_a_process_is_found_dead_by_the_next(store: Connections) -> None:
    with run_beside_others(store, "train") as run:
        end_sessions(store, "pikkit run beside others")
        contents = store_status(store, NOW).contents
        assert contents is not None
        assert contents.last_run is not None
        assert contents.last_run.state == "died"
        next_run(store)
        assert state(store, run.run_id) == "died"


def test_run_without_the_run_lock_raises_unreachable_when_postgres_ends_all_sessions(store: Connections) -> None:
    with pytest.raises(Unreachable, match="does not answer"), run_beside_others(store, "train") as run:
        end_sessions(store, "pikkit run %")
    next_run(store)
    assert state(store, run.run_id) == "died"


def test_failed_run_without_the_run_lock_keeps_an_error_and_gives_the_life_lock_back(store: Connections) -> None:
    with pytest.raises(ConfigurationError), run_beside_others(store, "train") as run:
        raise ConfigurationError("Too few bets", "Nothing was trained", "Load more")
    assert state(store, run.run_id) == "failed"
    with psycopg.connect(**store.postgres.conninfo) as database:
        locks = "select count(*) from pg_locks join pg_database on oid = database "
        locks += "where locktype = 'advisory' and datname = current_database()"
        assert database.execute(locks).fetchone() == (0,)


def test_run_without_the_run_lock_does_not_begin_while_a_sync_holds_that_lock(store: Connections) -> None:
    with locked_store(store, "sync"), pytest.raises(LockHeld), run_beside_others(store, "train"):
        pass
