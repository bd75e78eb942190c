"""A connection to somebody else's Postgres that is made anew when it is lost, within the patience that is left.

SourceDenied      a password, a role, a right, a table, a column, a setting of the address: raised at once
TransientFailure  no answer, starting up, shutting down, no connection or memory left, a connection lost, a statement
                  ended from outside: asked again; Unreachable when the patience is used up

Postgres says in English, and libpq without a code, why a login failed. A refusal that is not recognized is asked again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain, islice
from typing import Final, TypeVar

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from feature_repo.errors import SourceDenied, Unreachable
from feature_repo.postgres.postgres_errors import server_message
from ingestion.database.access import snapshot
from ingestion.progress import Progress
from ingestion.sources.retry import TransientFailure, retry_transient

_T = TypeVar("_T")

# Logins (28), no such database (3D), schema (3F), right, table or column.
_REFUSED: Final = ("28", "3D", "3F", "42501", "42P01", "42703")
# Connection lost (08), no connections or memory (53), shut down, cancelled or starting up (57), a replica that had to
# drop our snapshot (40), disk trouble (58).
_PASSING: Final = ("08", "40", "53", "57", "58")
_REFUSED_LOGIN: Final = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|pg_hba\.conf rejects|does not exist"
    r"|not permitted to log in|permission denied|[Tt]enant or user not found"
    r"|SSL was required|does not support SSL|certificate|root\.crt|[Ii]nvalid .*(?:value|option|port)"
    r"|unsupported frontend protocol|authentication method"
)
# What a server on its way up or down says, and a full one; some of it matches the above.
_PASSING_LOGIN: Final = re.compile(r"starting up|shutting down|recovery mode|not yet accepting|too many|remaining conn")
# In its transaction, idle or in the middle of the rows. All else is lost, or undone.
_USABLE: Final = (TransactionStatus.INTRANS, TransactionStatus.ACTIVE)
# A table that is never read to its end would otherwise be read for ever.
_MOST_STARTS: Final = 5


class Session:
    """One open transaction that reads only, on a connection that is made when it is needed, and again when lost."""

    def __init__(
        self, conninfo: str, name: str, patience: timedelta, progress: Progress, locked: sql.Identifier | None = None
    ) -> None:
        self._conninfo, self.name, self._locked = conninfo, name, locked
        self._patience, self._progress = patience, progress
        self._connection: psycopg.Connection | None = None

    def ask(self, answer: Callable[[psycopg.Connection], _T]) -> _T:
        """What `answer` makes of the connection. Raises SourceDenied, and Unreachable when patience is used up."""
        return self._patiently(lambda: self._asked(answer))

    def stream(self, rows: Callable[[psycopg.Connection], Iterator[_T]]) -> Iterator[_T]:
        """What `rows` yields, from its start again when the connection is lost on the way. Raises as `ask` does."""
        for start in range(1, _MOST_STARTS + 1):
            try:
                # Waiting for the first of them is patient, and so is every new start.
                some = self._patiently(lambda: self._started(rows))
                yield from some
                return
            except TransientFailure as trouble:
                if start == _MOST_STARTS:
                    raise self._given_up(trouble) from trouble

    def _patiently(self, attempt: Callable[[], _T]) -> _T:
        return retry_transient(attempt, host=self.name, patience=self._patience, tell_wait=self._tell)

    def _tell(self, waiting: str) -> None:
        self._progress("read", 0, None, waiting=waiting)

    def _asked(self, answer: Callable[[psycopg.Connection], _T]) -> _T:
        with self._open() as connection:
            return answer(connection)

    def _started(self, rows: Callable[[psycopg.Connection], Iterator[_T]]) -> Iterator[_T]:
        with self._open() as connection:
            iterator = iter(rows(connection))
            first = list(islice(iterator, 1))
        return self._going_on(chain(first, iterator))

    def _going_on(self, rows: Iterator[_T]) -> Iterator[_T]:
        with self._open():
            yield from rows

    def _given_up(self, trouble: TransientFailure) -> Unreachable:
        return Unreachable(
            f"{self.name} lost the connection {_MOST_STARTS} times before all rows had come; the last time: {trouble}",
            "What was not committed is undone",
            "Look for what ends long statements there: a time limit, a pooler, a replica that cancels them",
            service=self.name,
        )

    def close(self) -> None:
        """Give the connection up, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _open(self) -> Iterator[psycopg.Connection]:
        """The connection, and in our words what goes wrong with it."""
        try:
            with source_postgres_errors(self.name):
                yield self._connected()
        except BaseException:
            # Whoever leaves in the middle of an answer leaves a connection that is good for nothing.
            self.close()
            raise

    def _connected(self) -> psycopg.Connection:
        if self._connection is not None and self._connection.info.transaction_status not in _USABLE:
            self.close()
        if self._connection is None:
            self._connection = snapshot(self._conninfo, purpose="source", locked=self._locked)
        return self._connection


@contextmanager
def source_postgres_errors(name: str) -> Iterator[None]:
    """Raise psycopg's errors as SourceDenied or TransientFailure; what is neither is a bug of ours, and stays."""
    try:
        yield
    except psycopg.Error as error:
        raise _translated(error, name) from error


def _translated(error: psycopg.Error, name: str) -> Exception:
    what = f"{name}: {server_message(error)}"
    if error.sqlstate is None and isinstance(error, psycopg.OperationalError):
        # libpq gives the text alone of a connection that could not be made: no code, and no class of error.
        refused = _REFUSED_LOGIN.search(str(error)) and not _PASSING_LOGIN.search(str(error))
        return denied(what) if refused else TransientFailure(server_message(error))
    if error.sqlstate is not None and error.sqlstate.startswith(_PASSING):
        return TransientFailure(server_message(error))
    return denied(what) if error.sqlstate is not None and error.sqlstate.startswith(_REFUSED) else error


def denied(what: str) -> SourceDenied:
    """The table cannot be read, and asking again would not help."""
    return SourceDenied(
        what,
        "Nothing was taken from it",
        "Correct SOURCE_POSTGRES_URL, SUPABASE_SCHEMA or SUPABASE_TABLE, or the rights of its role "
        "(docs/store-roles.sql); `pikkit doctor` looks at them",
    )
