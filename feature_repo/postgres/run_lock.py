"""The lock of everything that writes to a store: a run, an apply, a materialization. One holder at a time.

It is a lock on the table ops.run_lock, which only a role that may change that table can take. Such a lock ends with its
transaction, so it has a session of its own, whose one transaction stays open: commits of the work do not give it up,
and it goes when the process dies. That transaction holds neither a snapshot nor a transaction id, so it keeps no vacuum
back. Nobody waits for the lock: when another session has it, LockHeld says which, at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors

from feature_repo.errors import ConfigurationError, LockHeld, Unreachable
from feature_repo.postgres.queries import feast_statement
from feature_repo.postgres.sessions import feast_session, start_session

if TYPE_CHECKING:
    from feast import RepoConfig

# The process at the server whose session holds the lock for what runs in this context. A materialization inside a run
# goes on under the run's lock.
_session: ContextVar[int | None] = ContextVar("run_lock_session", default=None)


@contextmanager
def run_lock(connection: psycopg.Connection, name: str) -> Iterator[None]:
    """Hold the lock of this connection's database, in another session; others read `name` in `pg_stat_activity`.

    Enter it with no transaction open, and commit inside: what is uncommitted at the end is undone. Raises LockHeld
    at once when another session has the lock, ConfigurationError when the role may not take it or the store lacks it.
    """
    with connection.transaction():
        pid = connection.execute(
            "select pg_backend_pid() from set_config('application_name', %s, false)", [name]
        ).fetchone()
    lock_session, holder_pid = _take_lock(connection, f"{name}, process {pid[0] if pid else 'unknown'}")
    token = _session.set(holder_pid)
    try:
        yield
    finally:
        _session.reset(token)
        undo(connection)  # before the next run may look
        undo(lock_session)
        lock_session.close()


@contextmanager
def locked_session(config: RepoConfig, name: str) -> Iterator[psycopg.Connection]:
    """A session at the Postgres of Feast's offline store, under the run lock; closed at the end.

    The lock is taken for as long, unless what runs in this context has it already. Raises what `run_lock` and
    `feast_session` raise.
    """
    with feast_session(config, name) as connection:
        if is_held_here(connection):
            yield connection
        else:
            with run_lock(connection, name):
                yield connection


def is_held_here(connection: psycopg.Connection) -> bool:
    """Whether what runs in this context has the lock of this connection's database, by whatever session."""
    if (session := _session.get()) is None:
        return False
    with connection.transaction():
        return any(pid == session for _, pid in _holders(connection))


def check_held(connection: psycopg.Connection) -> None:
    """Raise Unreachable when this context took the lock of this connection's database and its session ended since."""
    if _session.get() is not None and not is_held_here(connection):
        raise Unreachable(
            "The session that held the run lock has ended at the server",
            "What was not committed is undone",
            "Find out who or what ends sessions that are idle, then run the command again",
            service="Postgres",
        )


def lock_holder(connection: psycopg.Connection) -> str | None:
    """Who holds the lock of this connection's database, as one text; None when nobody does."""
    with connection.transaction():
        return next((holder for holder, _ in _holders(connection)), None)


def undo(connection: psycopg.Connection) -> None:
    """Undo what is uncommitted. A session that cannot even do that is lost, and closed."""
    try:
        connection.rollback()
    except psycopg.Error:
        connection.close()


def _take_lock(connection: psycopg.Connection, name: str) -> tuple[psycopg.Connection, int]:
    """A session at the same server with the same login that holds the lock, and its process there."""
    info = connection.info
    lock_session = start_session(info.dsn, name=name[:63], password=info.password)
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(lock_session.close)
        try:
            lock_session.execute("lock table ops.run_lock in exclusive mode nowait")
            row = lock_session.execute("select pg_backend_pid()").fetchone()
        except errors.LockNotAvailable:
            holder = lock_holder(connection) or "a session that has ended since"
            raise LockHeld(
                f"Another run holds the lock: {holder}",
                "Nothing was done",
                "Wait until it is done, or end it, then run the command again",
                holder=holder,
            ) from None
        except (errors.InsufficientPrivilege, errors.UndefinedTable, errors.InvalidSchemaName) as error:
            is_denied = isinstance(error, errors.InsufficientPrivilege)
            raise ConfigurationError(
                f"The run lock cannot be taken ({error.diag.message_primary})",
                "Nothing was done",
                "Use the role that owns the store, as docs/store-roles.sql makes it"
                if is_denied
                else "Run `pikkit migrate`",
            ) from error
        if row is None:
            raise LookupError("Postgres does not tell its process")
        on_failure.pop_all()
        return lock_session, row[0]


def _holders(connection: psycopg.Connection) -> list[tuple[str, int]]:
    return connection.execute(feast_statement("lock_holder")).fetchall()
