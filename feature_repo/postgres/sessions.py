"""Sessions at Postgres: in UTC, with floats of every digit, with no limit on time but for locks.

Two have settings of their own: serving reads the vocabulary with short limits (feature_repo/bets/vocabulary.py), and
the embedded server is set up before its database exists (ingestion/embedded/postgres.py).

start_session    any database, for a caller that has its address
feast_session    the Postgres of Feast's offline store, with its errors in our words
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg

from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.postgres.queries import feast_statement
from feature_repo.servers.connections import LOCK_PATIENCE, milliseconds

if TYPE_CHECKING:
    from feast import RepoConfig

_PARAMETERS: Final[dict[str, Any]] = {
    "connect_timeout": 10,
    "client_encoding": "UTF8",
    # As long as a copy takes nothing is said here; a peer that vanished is noticed after a minute, on either side.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}


def start_session(conninfo: str = "", *, name: str, autocommit: bool = False, **parameters: Any) -> psycopg.Connection:
    """A connection that others see as `name` in `pg_stat_activity`, with no transaction open. Raises psycopg.Error.

    `parameters` are those of `psycopg.connect`; they say more than `conninfo`, or something else.
    """
    connection = connect_to(conninfo, name=name, autocommit=True, **parameters)
    try:
        set_session(connection)
        connection.autocommit = autocommit
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to(conninfo: str = "", *, name: str, autocommit: bool = False, **parameters: Any) -> psycopg.Connection:
    """A connection as of `start_session`, with the settings that the server, the role and the database have.

    Those may be any time zone and any limit on time: call `set_session` before the first statement. Raises
    psycopg.Error.
    """
    options = {**_PARAMETERS, **parameters, "application_name": name}
    return psycopg.connect(conninfo, autocommit=autocommit, **options)


def set_session(connection: psycopg.Connection, *, transaction_only: bool = False) -> None:
    """Give the session our settings (sql/session.sql), or only the transaction that is open, where that is asked."""
    params = {"lock_timeout": milliseconds(LOCK_PATIENCE), "transaction_only": transaction_only}
    connection.execute(feast_statement("session"), params)


@contextmanager
def feast_session(config: RepoConfig, name: str) -> Iterator[psycopg.Connection]:
    """A session at the Postgres of the offline store, outside a transaction (autocommit), closed at the end.

    Raises LockHeld, ConfigurationError, Unreachable and StoreFull as `postgres_errors` does, also inside.
    """
    from feature_repo.feast_internals import postgres_connection_options, postgres_conninfo

    store: Any = config.offline_store
    options = postgres_connection_options(store)
    if store.keepalives_idle:  # seconds; 0 where feature_store.yaml says nothing
        options["keepalives_idle"] = store.keepalives_idle
    with (
        postgres_errors(f"Postgres at {store.host}:{store.port}/{store.database}"),
        start_session(postgres_conninfo(store), name=name, autocommit=True, **options) as connection,
    ):
        yield connection
