"""A look at the store that changes nothing: for verbs that need its tables, but neither the run lock nor Feast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.servers.connections import Postgres
from ingestion.database.access import connect
from ingestion.database.migrate import check_migrated


@contextmanager
def read_only_store(postgres: Postgres, *, purpose: str) -> Iterator[psycopg.Connection]:
    """A connection to a store whose schema is up to this code. What is left uncommitted at the end is undone.

    Raises ConfigurationError when migrations are pending, and what `connect` raises.
    """
    with postgres_errors(f"Postgres at {postgres.address}"), connect(postgres, purpose=purpose) as connection:
        check_migrated(connection)
        yield connection
        connection.rollback()
