"""The integer code of a name as of a bet's placement, in training as in serving: features.vocabulary, kept in memory.

A name has its code from the instant at which it was first known; as of an earlier one it is UNKNOWN. A code once given
never changes, so what was read stays right. A name that is not in memory may have been added since: it is looked for
again, but not more often than every REREAD_AFTER seconds. All are read anew every REFRESH_SECONDS beside the encoding,
for what a rewind moved, and for another store that was built at the same address.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

import psycopg
from psycopg.conninfo import make_conninfo

from feature_repo import clock
from feature_repo.errors import VocabularyUnavailable
from feature_repo.postgres.background_refresh import Refreshed
from feature_repo.postgres.queries import feast_statement

ENCODED_COLUMNS: Final = ("sport", "league", "market", "institution_name", "bet_type")
#: Feature -> the column of which it is the code.
COLUMNS_OF_CODES: Final[Mapping[str, str]] = {
    f"{column.removesuffix('_name')}_encoded": column for column in ENCODED_COLUMNS
}
UNKNOWN: Final = 0
REREAD_AFTER: Final = 5.0
REFRESH_SECONDS: Final = 60.0

_VARIABLES = {
    "host": "POSTGRES_HOST",
    "port": "POSTGRES_PORT",
    "dbname": "POSTGRES_DATABASE",
    "user": "POSTGRES_USER",
    "password": "POSTGRES_PASSWORD",
    "sslmode": "POSTGRES_SSLMODE",
}


class CodedName(NamedTuple):
    """A name's code, and since when it is known: aware, UTC; None where nobody knows, and it counts as always known."""

    code: int
    known_at: datetime | None


# Column -> name -> its code.
NamesByColumn: TypeAlias = Mapping[str, Mapping[str, CodedName]]


class Vocabulary:
    """The codes of one database. Safe for threads."""

    def __init__(self, connection: tuple[str, ...]) -> None:
        self._connection = dict(zip(_VARIABLES, connection, strict=True))
        self._refreshed: Refreshed[NamesByColumn] | None = None
        self._read_at = float("-inf")
        self._reading = threading.Lock()

    def encode(self, column: str, names: Sequence[str | None], instants: Sequence[datetime]) -> list[int | None]:
        """The code of each name as of its instant, aware: None for None, UNKNOWN for a name that was not known then."""
        known = self._known(column, names)
        codes: list[int | None] = []
        for name, instant in zip(names, instants, strict=True):
            if name is None:
                codes.append(None)
            elif (entry := known.get(name)) is None or (entry.known_at is not None and entry.known_at > instant):
                codes.append(UNKNOWN)
            else:
                codes.append(entry.code)
        return codes

    def holds(self, column: str, names: Sequence[str | None]) -> list[bool]:
        """Whether each name has a code, since whenever; not so for None."""
        known = self._known(column, names)
        return [name in known for name in names]

    def _known(self, column: str, names: Sequence[str | None]) -> Mapping[str, CodedName]:
        refreshed = self._refreshed or self._first_read()
        known = refreshed.get()[column]
        if any(name not in known for name in names if name is not None):
            known = self._looked_up_again(refreshed)[column]
        return known

    def _first_read(self) -> Refreshed[NamesByColumn]:
        with self._reading:
            if self._refreshed is None:
                self._refreshed = Refreshed(self._read, REFRESH_SECONDS, "The vocabulary (what is new in it is 0)")
            return self._refreshed

    def _looked_up_again(self, refreshed: Refreshed[NamesByColumn]) -> NamesByColumn:
        with self._reading:
            if time.monotonic() - self._read_at < REREAD_AFTER:
                return refreshed.get()
            # Serving goes on while Postgres is down: what is in memory is right, only what is new is missing.
            self._read_at = time.monotonic()
            return refreshed.reread()

    def _read(self) -> NamesByColumn:
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
        names: dict[str, dict[str, CodedName]] = {column: {} for column in ENCODED_COLUMNS}
        for column, name, code, known_at in rows:
            names.setdefault(column, {})[name] = CodedName(code, clock.as_utc(known_at))
        return names


_by_connection: dict[tuple[str, ...], Vocabulary] = {}


def encode_names(column: str, names: Sequence[str | None], instants: Sequence[datetime]) -> list[int | None]:
    """`Vocabulary.encode` over the database that feature_store.yaml names, through the same environment variables."""
    return _vocabulary().encode(column, names, instants)


def have_codes(column: str, names: Sequence[str | None]) -> list[bool]:
    """`Vocabulary.holds` over the same database."""
    return _vocabulary().holds(column, names)


def code_instants(placed: Sequence[datetime | None], rows: Sequence[Any] | None) -> list[datetime]:
    """As of when the names of each bet are encoded: the whole second in which it was placed.

    Feast cuts the instants of a request to the second, so training cannot be finer than serving. For a bet without
    placement it is its `event_timestamp` in `rows`, which only a training frame has, else the clock.
    """
    if None in placed:
        instants = [clock.as_utc(row) for row in rows] if rows else [None] * len(placed)
        now = clock.now()
        placed = [at or of_row or now for at, of_row in zip(placed, instants, strict=True)]
    return [at.replace(microsecond=0) for at in placed if at is not None]


def _vocabulary() -> Vocabulary:
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
    return _by_connection.get(connection) or _by_connection.setdefault(connection, Vocabulary(connection))
