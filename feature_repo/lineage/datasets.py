"""What OpenLineage calls our tables, views and sources: by where they are, the same for every program that reads them.

table of the store   postgres://<host>:<port>   <database>.<schema>.<table>
view in Redis        redis://<host>:<port>      <number>/<view>
table over REST      https://<host>             <schema>.<table>
file                 file                       <name of the file>, without its directory
model                file                       models/<name of its directory>

A Postgres that is reached by a Unix socket (the embedded one is) has no host: `socket-<8 digits>` stands for its
directory, which no event shows.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from feature_repo.servers.connections import Postgres, Redis


class DatasetName(NamedTuple):
    """A dataset as OpenLineage names it."""

    namespace: str
    name: str


def table_dataset(postgres: Postgres, table: str) -> DatasetName:
    """A table or view of this database; `table` has its schema: `features.sport_stats`.

    >>> table_dataset(Postgres("db.example", 5432, "bets", "me", "secret"), "features.sport_stats")
    DatasetName(namespace='postgres://db.example:5432', name='bets.features.sport_stats')
    """
    return DatasetName(f"postgres://{_host(postgres.host)}:{postgres.port}", f"{postgres.database}.{table}")


def online_dataset(redis: Redis, view: str) -> DatasetName:
    """A view's values in this Redis.

    >>> online_dataset(Redis("redis://:secret@cache.example/1"), "sport_stats")
    DatasetName(namespace='redis://cache.example:6379', name='1/sport_stats')
    """
    return DatasetName(f"redis://{redis.host}:{redis.port}", f"{redis.number}/{view}")


def source_dataset(stream: str) -> DatasetName | None:
    """The dataset that a stream reads (ops.sync_state); null for one that is no place, such as `quarantine`.

    >>> source_dataset("file:bets.csv")
    DatasetName(namespace='file', name='bets.csv')
    >>> source_dataset("postgres:db.example:5432/app/public.bets")
    DatasetName(namespace='postgres://db.example:5432', name='app.public.bets')
    >>> source_dataset("supabase:abc.supabase.co/public.bets")
    DatasetName(namespace='https://abc.supabase.co', name='public.bets')
    >>> source_dataset("quarantine") is None
    True
    """
    kind, _, place = stream.partition(":")
    if kind == "file":
        return DatasetName("file", place)
    if kind == "postgres":
        address, database, table = place.rsplit("/", 2)
        host, _, port = address.rpartition(":")
        return DatasetName(f"postgres://{_host(host)}:{port}", f"{database}.{table}")
    if kind == "supabase":
        host, _, table = place.partition("/")
        return DatasetName(f"https://{host}", table)
    return None


def model_dataset(name: str) -> DatasetName:
    """A model that was trained.

    >>> model_dataset("market_profitability_v1-20260524T150000Z")
    DatasetName(namespace='file', name='models/market_profitability_v1-20260524T150000Z')
    """
    return DatasetName("file", f"models/{name}")


def _host(host: str) -> str:
    return f"socket-{hashlib.sha256(host.encode()).hexdigest()[:8]}" if host.startswith("/") else host
