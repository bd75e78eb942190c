"""Sessions that read histories: one snapshot, nothing written, and an end to how long a retrieval may take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import IsolationLevel, errors, sql

from feature_repo.errors import RetrievalTimedOut
from feature_repo.postgres.sessions import feast_session

if TYPE_CHECKING:
    from feast import RepoConfig

# Postgres takes no shorter one, and 0 would mean none at all.
_SHORTEST: Final = 1


class Deadline:
    """The seconds that a retrieval may take as a whole; None for as long as it takes."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._ends_at = None if seconds is None else time.monotonic() + seconds

    def has_passed(self) -> bool:
        """Whether no time is left."""
        return self._ends_at is not None and time.monotonic() >= self._ends_at

    def check(self) -> float | None:
        """The seconds that are left. Raises RetrievalTimedOut when none are."""
        if self._ends_at is None:
            return None
        seconds_left = self._ends_at - time.monotonic()
        if seconds_left <= 0:
            raise self.passed()
        return seconds_left

    def bind(self, connection: psycopg.Connection) -> None:
        """Have the server end the next statements of this transaction in time. Raises RetrievalTimedOut."""
        seconds_left = self.check()
        if seconds_left is not None:
            limit = max(_SHORTEST, int(seconds_left * 1000))
            connection.execute(sql.SQL("set local statement_timeout = {}").format(sql.Literal(limit)))

    def passed(self) -> RetrievalTimedOut:
        """What to raise when it has passed."""
        return RetrievalTimedOut(
            f"The retrieval took longer than the {self.seconds:g} seconds that it was given",
            "It was cancelled, on the server too; nothing was written",
            "Ask for fewer rows or views, or give it more time with `timeout`",
            service="Postgres",
        )


@contextmanager
def history_session(config: RepoConfig, deadline: Deadline | None = None) -> Iterator[psycopg.Connection]:
    """A session that reads one snapshot and can write nothing: a read-only role or a standby suffices.

    Raises RetrievalTimedOut for a statement that the server ended because the deadline had passed.
    """
    with feast_session(config, "feast retrieval") as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with ending(deadline), connection.transaction():
            yield connection


@contextmanager
def ending(deadline: Deadline | None) -> Iterator[None]:
    """Say of a statement that was cancelled for the deadline that it was."""
    try:
        yield
    except errors.QueryCanceled as error:
        if deadline is not None and deadline.has_passed():
            raise deadline.passed() from error
        raise
