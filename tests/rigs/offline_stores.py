"""Two Feast stores over the same few tables, Feast's own offline store and ours, and an oracle in plain loops.

view      keys          TTL      created   table
narrow    player        2 h      yes       plays
endless   player        none     yes       plays, its feature under another name
pairs     player, team  1 h      no        teams
bare      none          1 day    no        weather
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest
from feast import Entity, FeatureStore, FeatureView, Field, RepoConfig, ValueType
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
from feast.types import Float64, Int64, String
from psycopg import sql

from feature_repo.servers.connections import Connections, Postgres
from ingestion.database.access import connect
from tests.rigs.databases import temporary_database

NOON = datetime(2026, 5, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICRO = timedelta(microseconds=1)

TABLES = """
create table public.plays (
    player text, at timestamptz, made timestamptz, score double precision, shots bigint, note text);
create index on public.plays (player, at);
create table public.teams (player text, team bigint, at timestamptz, rank bigint);
create index on public.teams (player, team, at);
create table public.weather (at timestamptz, wind double precision);
"""

player = Entity(name="player", join_keys=["player"], value_type=ValueType.STRING)
team = Entity(name="team", join_keys=["team"], value_type=ValueType.INT64)


def source(table: str, **options: Any) -> PostgreSQLSource:
    return PostgreSQLSource(name=options.pop("name", table), table=f"public.{table}", timestamp_field="at", **options)


narrow = FeatureView(
    name="narrow",
    entities=[player],
    ttl=2 * HOUR,
    schema=[
        Field(name="player", dtype=String),
        Field(name="score", dtype=Float64),
        Field(name="shots", dtype=Int64),
        Field(name="note", dtype=String),
    ],
    source=source("plays", created_timestamp_column="made"),
)
endless = FeatureView(
    name="endless",
    entities=[player],
    ttl=timedelta(0),
    schema=[Field(name="player", dtype=String), Field(name="points", dtype=Float64)],
    source=source("plays", name="plays_endless", created_timestamp_column="made", field_mapping={"score": "points"}),
)
pairs = FeatureView(
    name="pairs",
    entities=[player, team],
    # Feast means whole seconds.
    ttl=HOUR + timedelta(milliseconds=900),
    schema=[Field(name="player", dtype=String), Field(name="team", dtype=Int64), Field(name="rank", dtype=Int64)],
    source=source("teams"),
)
bare = FeatureView(
    name="bare",
    entities=[],
    ttl=timedelta(days=1),
    schema=[Field(name="wind", dtype=Float64)],
    source=source("weather"),
)
VIEWS = (narrow, endless, pairs, bare)
KEYED = ["narrow:score", "narrow:shots", "narrow:note", "endless:points", "pairs:rank"]


@dataclasses.dataclass(repr=False)
class Stores:
    """Both stores over one database."""

    stock: FeatureStore
    ours: FeatureStore
    postgres: Postgres

    @contextmanager
    def filled(self, **rows: Sequence[Sequence[Any]]) -> Iterator[psycopg.Connection]:
        """The tables with these rows and no others."""
        with connect(self.postgres, purpose="test", autocommit=True) as database:
            database.execute("truncate public.plays, public.teams, public.weather")
            for table, given in rows.items():
                for row in given:
                    values = sql.SQL(", ").join([sql.Placeholder()] * len(row))
                    database.execute(
                        sql.SQL("insert into public.{} values ({})").format(sql.Identifier(table), values), list(row)
                    )
            yield database


def offline_config(postgres: Postgres, type_name: str) -> dict[str, Any]:
    return {
        "type": type_name,
        "host": postgres.host,
        "port": postgres.port,
        "database": postgres.database,
        "user": postgres.user,
        "password": postgres.password or "unused",
        "sslmode": "disable",
        "db_schema": "public",
    }


def repo_config(postgres: Postgres, directory: Path, type_name: str) -> RepoConfig:
    return RepoConfig(
        project="plays",
        provider="local",
        registry=str(directory / "registry.db"),
        online_store={"type": "sqlite", "path": str(directory / "online.db")},
        offline_store=offline_config(postgres, type_name),
        entity_key_serialization_version=3,
    )


OURS = "feature_repo.offline_store.store.PointInTimeOfflineStore"


def make_stores(postgres: Postgres, directory: Path) -> Stores:
    with connect(postgres, purpose="test") as database:
        database.execute(TABLES)
    stock, ours = (FeatureStore(config=repo_config(postgres, directory, name)) for name in ("postgres", OURS))
    ours.apply([player, team, *VIEWS])
    return Stores(stock, ours, postgres)


@pytest.fixture(scope="module")
def stores(servers: Connections, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    directory = tmp_path_factory.mktemp("stores")
    with temporary_database(servers.postgres) as postgres:
        yield make_stores(postgres, directory)


def retrieve(store: Any, frame: Any, refs: list[str] = KEYED, *, way: Any = None, **options: Any) -> pd.DataFrame:
    job = store.get_historical_features(frame, refs, full_feature_names=True, **options)
    job.way = way
    return job.to_df()


# ---- the oracle ------------------------------------------------------------------------------------------------------


def holds(
    rows: list[dict[str, Any]], keys: dict[str, Any], at: datetime, ttl: timedelta, *, visible: bool
) -> list[dict[str, Any]]:
    """The rows that may be the answer: more than one only where nothing tells them apart."""
    if any(value is None for value in keys.values()):
        return []
    found = [
        row
        for row in rows
        if all(row[name] == value for name, value in keys.items())
        and row["at"] <= at
        and (not ttl or row["at"] >= at - timedelta(seconds=int(ttl.total_seconds())))
        and (not visible or "made" not in row or (row["made"] is not None and row["made"] <= at))
    ]

    def age(row: dict[str, Any]) -> Any:
        return row["at"], row.get("made") or datetime.min.replace(tzinfo=UTC)

    newest = max(map(age, found), default=None)
    return [row for row in found if age(row) == newest]


def none_of(value: Any) -> Any:
    return None if value is None or value is pd.NA or value != value else value


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{name: none_of(value) for name, value in row.items()} for row in frame.to_dict("records")]
