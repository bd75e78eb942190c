"""A store that is up to this code, held by one verb: what every command that writes begins with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect, hold_run_lock
from ingestion.database.rollout import check_prepared


@contextmanager
def locked_store(connections: Connections, verb: str) -> Iterator[psycopg.Connection]:
    """A connection to the store, which holds the run lock for this verb.

    Raises ConfigurationError when the store is not up to this code, LockHeld when another verb has the lock, and
    Unreachable.
    """
    with (
        postgres_errors(f"Postgres at {connections.postgres.address}"),
        connect(connections.postgres, purpose=verb) as connection,
    ):
        check_prepared(connection)
        with hold_run_lock(connection, verb):
            yield connection
