"""The store's Postgres: connections, the SQL files, the run lock, locks that are waited for.

Frames go in and out by feature_repo/postgres/copy.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import LiteralString

import psycopg
from psycopg import errors, sql

from feature_repo.errors import LockHeld
from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.postgres.queries import statement_of
from feature_repo.postgres.run_lock import check_held, run_lock, undo
from feature_repo.postgres.sessions import connect_to, set_session, start_session
from feature_repo.servers.connections import LOCK_PATIENCE, Postgres, milliseconds


def connect(postgres: Postgres, *, purpose: str, autocommit: bool = False) -> psycopg.Connection:
    """An open connection that names its purpose in `pg_stat_activity`. Raises Unreachable."""
    with postgres_errors(f"Postgres at {postgres.address}"):
        return start_session(name=f"pikkit {purpose}", autocommit=autocommit, **postgres.conninfo)


def snapshot(conninfo: str, *, purpose: str, locked: sql.Identifier | None = None) -> psycopg.Connection:
    """A connection to somebody else's database, in one open transaction that reads only. Raises psycopg's own errors.

    The session's settings end with the transaction: a pooler may hand the session to others afterwards.

    The snapshot is taken once the table `locked` is: after a rewrite of it (ALTER, TRUNCATE) that committed later, it
    would show the table empty.
    """
    connection = connect_to(conninfo, name=f"pikkit {purpose}", prepare_threshold=None)
    try:
        connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        if locked is not None:
            # A setting of the transaction, made without a snapshot.
            connection.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(milliseconds(LOCK_PATIENCE))))
            connection.execute(sql.SQL("lock table {} in access share mode").format(locked))
        set_session(connection, transaction_only=True)
    except BaseException:
        connection.close()
        raise
    return connection


@cache
def statement(name: str) -> LiteralString:
    """The text of `<name>.sql` below `ingestion/sql`. Raises KeyError when there is none."""
    return statement_of("ingestion", name)


# ---- the run lock ------------------------------------------------------------------------------------------------


@contextmanager
def hold_run_lock(connection: psycopg.Connection, verb: str) -> Iterator[None]:
    """Hold the lock that everything writing to the store holds (feature_repo/postgres/run_lock.py).

    Raises LockHeld at once when another session has it, ConfigurationError when this role may not take it. Enter it
    with no transaction open, and commit inside by `commit`.
    """
    with run_lock(connection, f"pikkit {verb}"):
        yield


def commit(connection: psycopg.Connection) -> None:
    """Commit, unless the run lock that this context took was lost with its session. Raises Unreachable then."""
    check_held(connection)
    connection.commit()


@contextmanager
def advisory_lock(connection: psycopg.Connection, key: int) -> Iterator[None]:
    """Hold the advisory lock of this number, after waiting for whoever holds it now; what is uncommitted at the end is
    undone.

    Where tables are still to be made there is none to lock. Raises LockHeld when it takes longer than LOCK_PATIENCE.
    """
    try:
        with connection.transaction():
            connection.execute("select pg_advisory_lock(%s)", [key])
    except errors.LockNotAvailable as error:
        row = connection.execute(statement("advisory_lock_holder"), {"key": key}).fetchone()
        connection.rollback()
        holder = row[0] if row else "a session that has ended since"
        raise LockHeld(
            f"The same work is under way, and this waited {LOCK_PATIENCE:.0f} s for it: {holder}",
            "Nothing was done",
            "Wait until it is done, or end it, then run the command again",
            holder=holder,
        ) from error
    try:
        yield
    finally:
        undo(connection)
        try:
            with connection.transaction():
                connection.execute("select pg_advisory_unlock(%s)", [key])
        except psycopg.Error:
            connection.close()  # a session that cannot even unlock is lost; Postgres frees its lock with it
