"""The integer code of a category, the same in training and in serving: features.vocabulary, kept in memory.

A code once given never changes, so what was read stays right. A value that is not in memory may have been added since:
it is looked for again, but not more often than every REREAD_AFTER seconds, and is UNKNOWN if it is not there either.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo

from feature_repo.errors import VocabularyUnavailable
from feature_repo.postgres.queries import feast_statement

ENCODED_COLUMNS: Final = ("sport", "league", "market", "institution_name", "bet_type")
UNKNOWN: Final = 0
REREAD_AFTER: Final = 5.0

_VARIABLES = {
    "host": "POSTGRES_HOST",
    "port": "POSTGRES_PORT",
    "dbname": "POSTGRES_DATABASE",
    "user": "POSTGRES_USER",
    "password": "POSTGRES_PASSWORD",
    "sslmode": "POSTGRES_SSLMODE",
}
_log = logging.getLogger(__name__)


class Vocabulary:
    """The codes of one database. Safe for threads."""

    def __init__(self, connection: tuple[str, ...]) -> None:
        self._connection = dict(zip(_VARIABLES, connection, strict=True))
        self._codes: dict[tuple[str, str], int] | None = None
        self._read_at = float("-inf")
        self._reading = threading.Lock()

    def encode(self, column: str, values: Sequence[str | None]) -> list[int | None]:
        """The code of each value: None for None, UNKNOWN for one that the vocabulary does not hold."""
        codes = self._codes
        if codes is None or any(value is not None and (column, value) not in codes for value in values):
            codes = self._reread()
        return [None if value is None else codes.get((column, value), UNKNOWN) for value in values]

    def _reread(self) -> dict[tuple[str, str], int]:
        with self._reading:
            if self._codes is None:
                self._codes = self._read()
            elif time.monotonic() - self._read_at >= REREAD_AFTER:
                self._try_again()
            return self._codes

    def _try_again(self) -> None:
        # Serving goes on while Postgres is down: what is in memory is right, only what is new is missing.
        try:
            self._codes = self._read()
        except VocabularyUnavailable as error:
            self._read_at = time.monotonic()
            _log.warning("%s; values added since are encoded as %d", error.what, UNKNOWN)

    def _read(self) -> dict[tuple[str, str], int]:
        try:
            conninfo = make_conninfo(**self._connection, connect_timeout=5, application_name="pikkit vocabulary")
            with psycopg.connect(conninfo) as database:
                database.execute("set local lock_timeout = '5s'")
                rows = database.execute(feast_statement("vocabulary")).fetchall()
        except psycopg.Error as error:
            where = "{host}:{port}/{dbname}".format(**self._connection)
            raise VocabularyUnavailable(
                f"features.vocabulary cannot be read at {where}: {error}",
                "No name was encoded",
                "Look at `pikkit doctor`",
                service="Postgres",
            ) from error
        self._read_at = time.monotonic()
        return {(column, value): code for column, value, code in rows}


_by_connection: dict[tuple[str, ...], Vocabulary] = {}


def encode_names(column: str, values: Sequence[str | None]) -> list[int | None]:
    """`Vocabulary.encode` over the database that feature_store.yaml names, through the same environment variables."""
    try:
        connection = tuple([os.environ[name] for name in _VARIABLES.values()])
    except KeyError:
        missing = [name for name in _VARIABLES.values() if name not in os.environ]
        raise VocabularyUnavailable(
            f"features.vocabulary cannot be read: {', '.join(missing)} not set",
            "No name was encoded",
            'Open the store with `feature_repo.open_store()`, or run `eval "$(pikkit env)"` first',
            service="Postgres",
        ) from None
    vocabulary = _by_connection.get(connection) or _by_connection.setdefault(connection, Vocabulary(connection))
    return vocabulary.encode(column, values)
