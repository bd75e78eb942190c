"""Views and stores for tests of the online store: Feast over a file registry and a real Redis, stock or ours.

Nothing is materialized: rows are written by Feast's own Redis store, and watermarks as `pikkit` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import redis
from feast import Entity, FeatureStore, FeatureView, Field, RepoConfig, ValueType
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
from feast.infra.online_stores.redis import RedisOnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import python_values_to_proto_values
from feast.types import Array, Bool, Bytes, Float32, Float64, Int32, Int64, String, UnixTimestamp

from feature_repo.online_store.layout import OnlineWatermark, microseconds, watermarks_key
from feature_repo.servers.connections import Redis

OURS = "feature_repo.online_store.store.FreshOnlineStore"
DAY = timedelta(days=1)

sport = Entity(name="sport", join_keys=["sport"], value_type=ValueType.STRING)
market = Entity(name="market", join_keys=["market"], value_type=ValueType.STRING)
event = Entity(name="event", join_keys=["event_id"], value_type=ValueType.INT64)


def view(
    name: str, entities: Sequence[Entity], features: Mapping[str, Any], *, ttl: timedelta | None, held: bool = False
) -> FeatureView:
    """A view with these features (name -> Feast type); `held`: its source re-asserts its rows."""
    tags = {"pikkit.changes": f"features.{name}_changes", "pikkit.step_seconds": "86400"} if held else {}
    types = {ValueType.STRING: String, ValueType.INT64: Int64}
    keys = [Field(name=one.join_key, dtype=types[one.value_type]) for one in entities]
    return FeatureView(
        name=name,
        entities=list(entities),
        ttl=ttl,
        schema=[*keys, *(Field(name=feature, dtype=kind) for feature, kind in features.items())],
        source=PostgreSQLSource(name=name, table=f"features.{name}", timestamp_field="event_timestamp", tags=tags),
    )


def some_views() -> list[FeatureView]:
    """Two views by sport (one re-asserted), one by sport and market, one by number, one without entity."""
    return [
        view("stats", [sport], {"win_rate": Float64, "count": Int64, "label": String}, ttl=DAY, held=True),
        view("facts", [sport], {"odds": Float64, "live": Bool, "seen_at": UnixTimestamp, "raw": Bytes}, ttl=DAY),
        view("pairs", [sport, market], {"pair_rate": Float64, "prices": Array(Float64)}, ttl=timedelta(hours=1)),
        view("events", [event], {"size": Int32, "share": Float32, "names": Array(String)}, ttl=timedelta(0)),
        view("world", [], {"everywhere": Float64}, ttl=DAY, held=True),
    ]


def store_of(
    home: Path,
    server: Redis | str,
    *,
    kind: str = OURS,
    project: str = "bets",
    views: Iterable[Any] | None = None,
    **online: Any,
) -> FeatureStore:
    """Feast over a file registry in `home` (applied anew) and this Redis. `kind`: the type of the online store."""
    connection = server if isinstance(server, str) else server.feast_connection_string
    config = RepoConfig(
        project=project,
        provider="local",
        registry={"path": str(home / f"{project}-{kind}.db"), "cache_ttl_seconds": 600},
        offline_store={"type": "postgres", "host": "-", "database": "-", "user": "-", "password": "-"},
        online_store={"type": kind, "connection_string": connection, **online},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    declared = list(some_views() if views is None else views)
    store.apply([sport, market, event, *declared])
    return store


def write(
    store: FeatureStore, name: str, rows: Iterable[tuple[Mapping[str, Any], Mapping[str, Any], datetime]]
) -> None:
    """Write rows (keys, features, event timestamp) of a view, as Feast's own store writes them."""
    declared = store.get_feature_view(name)
    types = {field.name: field.dtype.to_value_type() for field in (*declared.entity_columns, *declared.features)}

    def protos(values: Mapping[str, Any]) -> dict[str, Any]:
        return {one: python_values_to_proto_values([value], types[one])[0] for one, value in values.items()}

    data = []
    for keys, features, at in rows:
        key = protos(keys or {"__dummy_id": ""})
        entity = EntityKey(join_keys=list(key), entity_values=list(key.values()))
        data.append((entity, protos(features), at, None))
    config = store.config.model_copy()
    RedisOnlineStore().online_write_batch(config, declared, data, None)


def write_watermark(server: Redis, project: str, name: str, until: datetime) -> None:
    """Say until when the rows of a view are asserted."""
    with redis.Redis.from_url(server.url) as client:
        client.hset(watermarks_key(project), name, OnlineWatermark(microseconds(until), b"-" * 8).packed())


def entity_key(**keys: str | int) -> EntityKey:
    """What Feast asks a store for; without keys, the entity of a view that has none."""
    named = keys or {"__dummy_id": ""}
    values = [Value(int64_val=one) if isinstance(one, int) else Value(string_val=one) for one in named.values()]
    return EntityKey(join_keys=list(named), entity_values=values)
