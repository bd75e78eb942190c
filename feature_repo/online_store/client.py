"""Connections to Redis that never wait for long, and try once more where a connection has died in the meantime.

What the connection string says wins: `socket_timeout`, `socket_connect_timeout` and all else that redis-py takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

import redis
import redis.asyncio
import redis.asyncio.retry
from feast.infra.online_stores.redis import RedisType
from redis.backoff import NoBackoff
from redis.retry import Retry

from feature_repo.feast_internals import feast_redis_settings

# Seconds. An answer takes milliseconds; a write of a batch less than one second.
TIMEOUTS: Final = {"socket_connect_timeout": 2.0, "socket_timeout": 5.0}


def redis_client(store: Any, kit: ModuleType = redis) -> Any:
    """A client of the kind that the online store's configuration names, from `redis` or `redis.asyncio`."""
    nodes, options = feast_redis_settings(store.connection_string)
    settings = {**TIMEOUTS, **options}
    settings.setdefault("retry", _retry(kit))
    if store.redis_type == RedisType.redis_cluster:
        startup = [kit.cluster.ClusterNode(**node) for node in nodes]
        return kit.cluster.RedisCluster(startup_nodes=startup, **settings)
    if store.redis_type == RedisType.redis_sentinel:
        return _sentinel(store, kit, nodes, settings)
    return kit.Redis(**nodes[0], **settings)


def address(store: Any) -> str:
    """How messages name the server: no user, no password."""
    nodes, options = feast_redis_settings(store.connection_string)
    servers = ", ".join(f"{node.get('host')}:{node.get('port', 6379)}" for node in nodes)
    if store.redis_type == RedisType.redis_sentinel:
        return f"{store.sentinel_master} behind the sentinels {servers}"
    return servers if store.redis_type == RedisType.redis_cluster else f"{servers}/{options.get('db', 0)}"


def secrets(store: Any) -> list[str]:
    """What must not be shown of the connection string."""
    _, options = feast_redis_settings(store.connection_string)
    return [str(value) for name, value in options.items() if "password" in name and value]


def _sentinel(store: Any, kit: ModuleType, nodes: Any, settings: Mapping[str, Any]) -> Any:
    # Sentinels have neither the passwords nor the databases of the server.
    of_sentinels = {name: settings[name] for name in settings if name.startswith("socket_") or name == "retry"}
    hosts = [(node["host"], int(node["port"])) for node in nodes]
    sentinel = kit.sentinel.Sentinel(hosts, **{"sentinel_kwargs": of_sentinels, **settings})
    return sentinel.master_for(store.sentinel_master)


def _retry(kit: ModuleType) -> Any:
    """Once more, at once, when a connection turns out to be dead; not when an answer is late."""
    kind = redis.asyncio.retry.Retry if kit is redis.asyncio else Retry
    return kind(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
