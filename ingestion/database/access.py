"""The only way to Postgres: connections, the SQL files, the run lock, errors in our words.

Frames go in and out by feature_repo/postgres/copy.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, LiteralString

import psycopg
from psycopg import errors, sql

from feature_repo.errors import ConfigurationError, LockHeld, StoreFull, Unreachable
from feature_repo.postgres import run_lock as locks
from feature_repo.postgres.queries import statement_of
from feature_repo.postgres.sessions import told_of_locks
from feature_repo.servers.connections import LOCK_PATIENCE, Postgres, milliseconds

__all__ = [
    "LOCK_PATIENCE",
    "commit",
    "connect",
    "hold_run_lock",
    "reason",
    "snapshot",
    "statement",
    "taking_turns",
    "translated_errors",
]

# What libpq or Postgres report when the server, not the statement, is the trouble: connection lost (08), login refused
# (28), no such database (3D), out of connections or memory (53), shutting down (57P0x), disk trouble (58).
_SERVER_TROUBLE = ("08", "28", "3D", "53", "57P0", "58")


def connect(postgres: Postgres, *, purpose: str, autocommit: bool = False) -> psycopg.Connection:
    """An open connection in UTC that names its purpose in `pg_stat_activity`. Raises Unreachable."""
    with translated_errors(f"Postgres at {postgres.address}"):
        connection = psycopg.connect(**postgres.conninfo, **_params(purpose), autocommit=True)
        try:
            connection.execute(statement("session"), _session_settings(transaction_only=False))
            connection.autocommit = autocommit
        except BaseException:
            connection.close()
            raise
    return connection


def snapshot(conninfo: str, *, purpose: str, locked: sql.Identifier | None = None) -> psycopg.Connection:
    """A connection to somebody else's database, in one open transaction that reads only. Raises psycopg's own errors.

    The session's settings end with the transaction: a pooler may hand the session to others afterwards.

    The snapshot is taken once the table `locked` is: after a rewrite of it (ALTER, TRUNCATE) that committed later, it
    would show the table empty.
    """
    connection = psycopg.connect(conninfo, **_params(purpose), prepare_threshold=None)
    try:
        connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        if locked is not None:
            # A setting of the transaction, made without a snapshot.
            connection.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(milliseconds(LOCK_PATIENCE))))
            connection.execute(sql.SQL("lock table {} in access share mode").format(locked))
        connection.execute(statement("session"), _session_settings(transaction_only=True))
    except BaseException:
        connection.close()
        raise
    return connection


def _session_settings(*, transaction_only: bool) -> dict[str, Any]:
    return {"transaction_only": transaction_only, "lock_timeout": milliseconds(LOCK_PATIENCE)}


def _params(purpose: str) -> dict[str, Any]:
    return {
        "application_name": f"pikkit {purpose}",
        "connect_timeout": 10,
        "client_encoding": "UTF8",
        # A peer that vanished without a word is noticed after about a minute, on either side.
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }


@cache
def statement(name: str) -> LiteralString:
    """The text of `<name>.sql` below `ingestion/sql`. Raises KeyError when there is none."""
    return statement_of("ingestion", name)


@contextmanager
def translated_errors(service: str) -> Iterator[None]:
    """Trouble with the server becomes Unreachable or StoreFull, a missing right ConfigurationError, a lock that was not
    to be had LockHeld.

    Any other trouble with a statement is a bug and passes.
    """
    try:
        with told_of_locks(service):
            yield
    except errors.DiskFull as error:
        raise StoreFull(
            f"{service} has no disk space left ({reason(error)})",
            "What was not committed is undone",
            "Free some space and run the command again",
            service=service,
        ) from error
    except errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"{service} refuses what this needs ({reason(error)})",
            "What was not committed is undone",
            "`pikkit doctor` tells which rights POSTGRES_USER lacks",
        ) from error
    except psycopg.OperationalError as error:
        if error.sqlstate is not None and not error.sqlstate.startswith(_SERVER_TROUBLE):
            raise
        raise Unreachable(
            f"{service} does not answer ({reason(error)})",
            "What was not committed is undone",
            "`pikkit doctor` tells which setting or server is at fault; then run the command again",
            service=service,
        ) from error


def reason(error: psycopg.Error) -> str:
    """The server's own words in one line. libpq never puts a password into them."""
    text = error.diag.message_primary or str(error)
    return "; ".join(line.strip() for line in text.splitlines() if line.strip()) or type(error).__name__


# ---- the run lock ------------------------------------------------------------------------------------------------


@contextmanager
def hold_run_lock(connection: psycopg.Connection, verb: str) -> Iterator[None]:
    """Hold the lock that everything writing to the store holds (feature_repo/postgres/run_lock.py).

    Raises LockHeld at once when another session has it, ConfigurationError when this role may not take it. Enter it
    with no transaction open, and commit inside by `commit`.
    """
    with locks.run_lock(connection, f"pikkit {verb}"):
        yield


def commit(connection: psycopg.Connection) -> None:
    """Commit, unless the run lock that this context took was lost with its session. Raises Unreachable then."""
    locks.check_held(connection)
    connection.commit()


@contextmanager
def taking_turns(connection: psycopg.Connection, key: int) -> Iterator[None]:
    """Hold the advisory lock of this number, after waiting for whoever holds it now; what is uncommitted at the end is
    undone.

    Where tables are still to be made there is none to lock. Raises LockHeld when it takes longer than LOCK_PATIENCE.
    """
    try:
        with connection.transaction():
            connection.execute("select pg_advisory_lock(%s)", [key])
    except errors.LockNotAvailable as error:
        row = connection.execute(statement("turn_holder"), {"key": key}).fetchone()
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
        locks.undo(connection)
        try:
            with connection.transaction():
                connection.execute("select pg_advisory_unlock(%s)", [key])
        except psycopg.Error:
            connection.close()  # a session that cannot even unlock is lost; Postgres frees its lock with it
