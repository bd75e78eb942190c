"""The lock of everything that writes to a store: a run, an apply, a materialization. One holder at a time.

It belongs to a session of Postgres, so commits do not give it up, and it goes when the session dies. Nobody waits for
it: who finds it taken is told by whom.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import psycopg

from feature_repo.refusals import RunLockHeld
from feature_repo.statements import statement

# One number for everything that writes to a store. Any constant will do, as long as it never changes.
RUN_LOCK: Final = 7_745_548_072_115_291_137

# The process at the server whose session holds the lock for what runs in this context. A materialization inside a run
# goes on under the run's lock.
_session: ContextVar[int | None] = ContextVar("run_lock_session", default=None)


@contextmanager
def run_lock(connection: psycopg.Connection, name: str) -> Iterator[None]:
    """Hold the lock; RunLockHeld at once when another session has it. Others read `name` in `pg_stat_activity`.

    Enter it with no transaction open, and commit inside: what is uncommitted at the end is undone.
    """
    with connection.transaction():
        connection.execute("select set_config('application_name', %s, false)", [name])
        taken = connection.execute("select pg_backend_pid() where pg_try_advisory_lock(%s)", [RUN_LOCK]).fetchone()
        if taken is None:
            holder = lock_holder(connection) or "a session that has ended since"
            raise RunLockHeld(
                f"Another run holds the lock: {holder}",
                "Nothing was done",
                "Wait until it is done, or end it, then run the command again",
                holder=holder,
            )
    token = _session.set(taken[0])
    try:
        yield
    finally:
        _session.reset(token)
        unlock(connection, RUN_LOCK)


def is_held_here(connection: psycopg.Connection) -> bool:
    """Whether what runs in this context has the lock of this connection's database, by whatever session."""
    if (session := _session.get()) is None:
        return False
    with connection.transaction():
        return any(pid == session for _, pid in _holders(connection))


def lock_holder(connection: psycopg.Connection) -> str | None:
    """Who holds the lock of this connection's database, as one text; None when nobody does."""
    with connection.transaction():
        return next((holder for holder, _ in _holders(connection)), None)


def unlock(connection: psycopg.Connection, key: int) -> None:
    """Undo what is uncommitted, then give an advisory lock of the session up."""
    try:
        connection.rollback()  # before the next run may look
        with connection.transaction():
            connection.execute("select pg_advisory_unlock(%s)", [key])
    except psycopg.Error:
        connection.close()  # a session that cannot even unlock is lost; Postgres frees its lock with it


def _holders(connection: psycopg.Connection) -> list[tuple[str, int]]:
    return connection.execute(statement("lock_holder"), {"key": RUN_LOCK}).fetchall()
