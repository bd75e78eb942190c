"""Databases and logical Redis databases of the servers that a test process has: made, copied, emptied, dropped.

create_database      one that stays as long as the servers do: a template, or what a test drops itself
temporary_database   one for the tests of a module
drop_database        the end of one, whoever is connected to it
disconnect           end all sessions of one, so that it can be copied
administer           any command outside of any transaction
emptied_redis        a logical database of Redis, emptied
dumped, restore      all keys of one, and back into an empty one
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import psycopg
import redis
from psycopg import sql

from feature_repo.servers.connections import Postgres, Redis
from ingestion.database.access import connect
from tests.rigs.processes import wait_until

_numbers = itertools.count(1)


def create_database(postgres: Postgres, name: str | None = None, template: Postgres | None = None) -> Postgres:
    """A database beside `postgres`: a copy of the template, or blank. Without a name it gets one of its own."""
    database = name or f"test_{next(_numbers)}"
    origin = template.database if template else "template0"
    # Copied as files: written to the log, it would take ten times as long.
    administer(postgres, "create database {} template {} strategy file_copy", database, origin)
    return dataclasses.replace(postgres, database=database)


@contextmanager
def temporary_database(postgres: Postgres, template: Postgres | None = None) -> Iterator[Postgres]:
    """A database for more than one test, as a copy of the template or blank; dropped afterwards."""
    database = create_database(postgres, template=template)
    yield database
    drop_database(database)


def drop_database(postgres: Postgres) -> None:
    """Drop it, if it is there, and cut off whoever is connected to it."""
    # Postgres would look only every tenth of a second whether the last session has ended.
    disconnect(postgres)
    administer(postgres, "drop database if exists {} with (force)", postgres.database)


def disconnect(postgres: Postgres) -> None:
    """End all sessions of a database: Feast keeps connections open, and a database in use cannot be copied."""
    administration = _administration(_maintenance(postgres))
    sessions = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
    wait_until(lambda: not administration.execute(sessions, [postgres.database]).fetchall())


def administer(postgres: Postgres, command: str, *names: str) -> None:
    """A command, with identifiers in its braces, outside of any transaction."""
    _administration(_maintenance(postgres)).execute(sql.SQL(command).format(*map(sql.Identifier, names)))


def _maintenance(postgres: Postgres) -> Postgres:
    return dataclasses.replace(postgres, database="postgres")


@cache
def _administration(maintenance: Postgres) -> psycopg.Connection:
    """One connection for all that come and go: to open one takes as long as to copy a small database."""
    return connect(maintenance, purpose="test", autocommit=True)


def emptied_redis(server: Redis) -> Redis:
    """One of the 16 logical databases of the server, emptied. 0 stays free for whoever forgets to say which one."""
    empty = Redis(server.url.removesuffix("/0") + f"/{next(_numbers) % 15 + 1}")
    with redis.Redis.from_url(empty.url) as client:
        client.flushdb()
    return empty


def dumped(client: redis.Redis) -> dict[bytes, bytes]:
    """All keys of a logical database with what they hold, as Redis dumps it."""
    keys = sorted(client.scan_iter())
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.dump(key)
        return dict(zip(keys, pipe.execute(), strict=True))


def restore(client: redis.Redis, dumps: Mapping[bytes, bytes]) -> None:
    """Bring these keys back. Raises ResponseError where one is there."""
    with client.pipeline(transaction=False) as pipe:
        for key, dump in dumps.items():
            pipe.restore(key, 0, dump)
        pipe.execute()
