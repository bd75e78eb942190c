"""Stores to measure on, filled by `pikkit run` from generated bets; and what a Feast user would have instead.

A Feast user would write the rows of each view out as a plain table with an index, and use Feast's own stores and
engine. The same definitions, with the same names, are then read from there (`feast_store`).
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import io
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from feature_repo import clock
from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.servers.connections import PROJECT, Connections, Postgres, Redis
from feature_repo.servers.embedded_servers import embedded_at
from feature_repo.store import store_at
from ingestion.database.access import connect

NOW = datetime(2026, 5, 24, 15, tzinfo=UTC)
POSTGRES, REDIS = "postgres", "redis"
OUR_POSTGRES = "feature_repo.offline_store.store.PointInTimeOfflineStore"
OUR_REDIS = "feature_repo.online_store.store.FreshOnlineStore"


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A store that holds the bets of a file, and runs."""

    bets: int
    home: Path
    connections: Connections

    @property
    def file(self) -> Path:
        """The bets, every version of them."""
        return self.home / "bets.parquet"


Stores = Callable[[int], Loaded]


@contextmanager
def stores() -> Iterator[Stores]:
    """Gives the store of so many bets, loading each once. All are gone at the end."""
    from ingestion.embedded import servers
    from tests.rigs.keeper import temporary_homes

    made: dict[int, Loaded] = {}
    with temporary_homes() as homes:

        def of(bets: int) -> Loaded:
            if bets not in made:
                made[bets] = load(homes / str(bets), bets)
            return made[bets]

        yield of
        for store in made.values():
            servers.stop_servers(store.home)


def load(home: Path, bets: int) -> Loaded:
    """Start a store in this home, and bring that many generated bets into it, up to Redis."""
    # Whoever only reads a store does not pay for these in its memory.
    from ingestion import pipeline
    from ingestion.sample.sample import generate_sample, write_sample
    from ingestion.sources.files.file_source import open_file

    with quiet():
        connections = started(home)
        loaded = Loaded(bets, home, connections)
        write_sample(generate_sample(bets, NOW, seed=7), loaded.file)
        pipeline.run_pipeline(connections, open_file(loaded.file))
    with connect(connections.postgres, purpose="benchmark", autocommit=True) as connection:
        write_out(connection)
        settle(connection)
    return loaded


def started(home: Path) -> Connections:
    """An empty store, migrated and applied, whose clock stands at NOW."""
    from ingestion.cli.stores import prepare
    from ingestion.embedded import servers

    clock.set_now(NOW)
    connections = servers.start_servers(home)
    prepare(connections)
    return connections


def database(server: Postgres) -> Postgres:
    """A new database of a server."""
    name = f"bench_{uuid.uuid4().hex}"
    with connect(server, purpose="benchmark", autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return dataclasses.replace(server, database=name)


def write_out(connection: psycopg.Connection) -> None:
    """The rows of every view as a plain table of the schema `plain`, with the index that Feast's join can use."""
    connection.execute("create schema if not exists plain")
    for view in STORED_VIEWS:
        names = {"view": sql.Identifier(view.name), "key": sql.Identifier(view.join_key)}
        for statement in (
            "drop table if exists plain.{view}",
            "create table plain.{view} as table features.{view}",
            "alter table plain.{view} drop column run_id",
            "create unique index on plain.{view} ({key}, event_timestamp desc, created_timestamp desc)",
        ):
            connection.execute(sql.SQL(statement).format(**names))


def settle(connection: psycopg.Connection) -> None:
    """What a server does by itself within minutes of a load, so that it does not do it while we measure."""
    connection.execute("vacuum (analyze)")
    connection.execute("checkpoint")


def reopened(home: Path) -> Connections:
    """The store of a home that runs, for a process of its own. The clock stands at NOW."""
    clock.set_now(NOW)
    return embedded_at(home)


def scratch() -> Path:
    """A directory of this process's own, removed when it ends."""
    directory = tempfile.TemporaryDirectory(prefix="pikkit-bench-")
    atexit.register(directory.cleanup)
    return Path(directory.name)


@contextmanager
def quiet() -> Iterator[None]:
    """Feast and the tool print their progress; a benchmark prints its table."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def our_store(connections: Connections) -> Any:
    """Feast's store as feature_store.yaml has it. Raises RuntimeError unless it names our own stores."""
    store = store_at(connections)
    named = (store.config.offline_store.type, store.config.online_store.type)
    if named != (OUR_POSTGRES, OUR_REDIS):
        raise RuntimeError(f"feature_store.yaml names {named}, which are not ours")
    return store


# ---- definitions ---------------------------------------------------------------------------------------------------


def feast_store(
    connections: Connections,
    *,
    offline: str = POSTGRES,
    online: str = REDIS,
    ttl: timedelta | None = None,
    plain: bool = True,
    number: int = 0,
) -> Any:
    """A Feast store with Feast's own provider and engine, its registry in a file, over plain tables or over ours.

    `offline` and `online` are types as in feature_store.yaml; `number` is the logical database of Redis. `ttl` replaces
    every view's own.
    """
    from feast import FeatureStore, RepoConfig

    store = FeatureStore(
        config=RepoConfig(
            project=PROJECT,  # as ours, so that keys in Redis are the same bytes
            provider="local",
            registry=str(scratch() / "registry.db"),
            entity_key_serialization_version=3,
            offline_store=_offline(connections, offline),
            online_store=_online(connections, online, number),
            materialization={"pull_latest_features": True, "online_write_batch_size": 10_000},
        )
    )
    store.apply([*_entities(), *(_view(view.name, ttl, plain) for view in STORED_VIEWS)])
    return store


def _offline(connections: Connections, kind: str) -> Mapping[str, Any]:
    postgres = connections.postgres
    names = {"host": postgres.host, "port": postgres.port, "database": postgres.database}
    login = {"user": postgres.user, "password": postgres.password or "unused", "sslmode": postgres.sslmode}
    return {"type": kind, "db_schema": "feast"} | names | login


def _online(connections: Connections, kind: str, number: int) -> Mapping[str, Any]:
    return {
        "type": kind,
        "connection_string": numbered(connections.redis, number).feast_connection_string,
        "key_ttl_seconds": 3_024_000,
    }


def numbered(redis: Redis, number: int) -> Redis:
    """Another logical database of the same server."""
    return Redis(f"{redis.url.rpartition('/')[0]}/{number}")


def _entities() -> list[Any]:
    from feature_repo import entities

    names = ("bet", "institution", "sport", "sport_league", "sport_league_market", "sport_market")
    return [getattr(entities, name) for name in names]


def _view(name: str, ttl: timedelta | None, plain: bool) -> Any:
    from feast import FeatureView

    ours = getattr(import_module(f"feature_repo.views.{name}"), name)
    by_name = {entity.name: entity for entity in _entities()}
    return FeatureView(
        name=name,
        entities=[by_name[entity] for entity in ours.entities],
        ttl=ours.ttl if ttl is None else ttl,
        schema=ours.schema,
        source=_plain_source(name) if plain else ours.batch_source,
    )


def _plain_source(name: str) -> Any:
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

    return PostgreSQLSource(
        name=name,
        table=f"plain.{name}",
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )


# ---- bets ----------------------------------------------------------------------------------------------------------


def bets_of(file: Path, rows: int) -> pl.DataFrame:
    """So many bets of a file, spread over its whole time; when it has fewer, some again a minute later each time."""
    bets = pl.read_parquet(file).unique("id", keep="last", maintain_order=True).sort("time_placed", "id")
    if rows <= bets.height:
        return bets.gather([position * bets.height // rows for position in range(rows)])
    again = [
        bets.with_columns(pl.col("time_placed") + timedelta(minutes=turn), id=pl.col("id") + f"#{turn}")
        for turn in range(-(-rows // bets.height))
    ]
    return pl.concat(again).head(rows).filter(pl.col("time_placed").is_not_null())
