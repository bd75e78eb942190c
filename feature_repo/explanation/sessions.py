"""The two stores as an explanation reads them: one snapshot of Postgres, and Redis beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from feature_repo.servers.connections import Connections
from feature_repo.servers.environment import feast_environment

# Seconds. Without an answer the rest is explained all the same.
_PATIENCE: Final = 2.0


@contextmanager
def explaining_session(connection: psycopg.Connection, connections: Connections) -> Iterator[Any]:
    """Begin a snapshot on the connection, and yield a client of Redis. What is open on the connection is undone first.

    The variables of the environment name these stores afterwards, since functions on demand look codes up by them.
    """
    import redis

    connection.rollback()
    connection.execute("set transaction isolation level repeatable read, read only")
    os.environ.update(feast_environment(connections))
    with redis.Redis.from_url(
        connections.redis.url, socket_connect_timeout=_PATIENCE, socket_timeout=_PATIENCE, retry=None
    ) as client:
        yield client
    connection.rollback()
