"""Sessions at the store's Postgres for what Feast does on its own: they know its configuration only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors

from feature_repo.errors import LockHeld
from feature_repo.postgres.queries import feast_statement
from feature_repo.postgres.run_lock import is_held_here, run_lock
from feature_repo.servers.connections import LOCK_PATIENCE, milliseconds

if TYPE_CHECKING:
    from feast import RepoConfig


@contextmanager
def told_of_locks(service: str = "Postgres") -> Iterator[None]:
    """Raise LockHeld for a statement whose wait for a lock has ended after LOCK_PATIENCE; `service` has the lock."""
    try:
        yield
    except errors.LockNotAvailable as error:
        raise LockHeld(
            f"{service} has a lock that another session holds, and this waited {LOCK_PATIENCE:.0f} s for it "
            f"({error.diag.message_primary})",
            "What was not committed is undone",
            "`pikkit doctor` names open transactions; end the one that holds it, then try again",
            holder="another session of the database",
        ) from error


@contextmanager
def locked_session(config: RepoConfig, name: str) -> Iterator[psycopg.Connection]:
    """A session under the run lock, taken for as long unless this is part of a run that has it. Raises LockHeld."""
    store = config.offline_store
    with psycopg.connect(
        host=store.host,
        port=store.port,
        dbname=store.database,
        user=store.user,
        password=store.password,
        sslmode=store.sslmode,
        application_name=name,
        connect_timeout=10,
        client_encoding="UTF8",
        # As long as a copy takes nothing is said here; a peer that vanished is noticed after about a minute.
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
        autocommit=True,
    ) as connection:
        connection.execute(feast_statement("session"), {"lock_timeout": milliseconds(LOCK_PATIENCE)})
        with told_of_locks():
            if is_held_here(connection):
                yield connection
            else:
                with run_lock(connection, name):
                    yield connection
