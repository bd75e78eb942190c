"""Checks of Redis: that it answers, can be written, and does not evict features when it is full."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from feature_repo.servers.connections import Redis
from ingestion.doctor.check import UNREACHABLE, Check, fail, ok, warn


def check_redis(address: Redis) -> Iterator[Check]:
    """Yield every check of the online store. The key that is written to try it out is deleted again."""
    import redis

    probe = f"pikkit doctor {uuid.uuid4()}"
    try:
        with redis.Redis.from_url(address.url, socket_connect_timeout=5, socket_timeout=5, retry=None) as client:
            client.ping()
            yield ok("Redis", f"answers at {address.address}")
            try:
                client.set(probe, "1", ex=60)
                client.delete(probe)
            except redis.ResponseError as error:
                yield fail("Redis writes", f"refused ({error})", "Free memory or disk, or grant this user writes")
                return
            yield ok("Redis writes", "a value was written and deleted")
            yield _eviction(client)
    except redis.RedisError as error:
        finding = f"Redis at {address.address} does not answer ({error})"
        yield fail("Redis", finding, "Start it, or correct REDIS_URL", UNREACHABLE)


def _eviction(client: Any) -> Check:
    """Whether a full Redis drops features instead of refusing new ones."""
    import redis

    try:
        memory = client.info("memory")
    except redis.ResponseError:
        return ok("Redis memory", "the server does not tell")
    limit, policy = memory.get("maxmemory", 0), memory.get("maxmemory_policy", "noeviction")
    if limit and policy != "noeviction":
        finding = f"when its {limit:,} bytes are full, features are dropped ({policy}) and read as null"
        return warn("Redis memory", finding, "Set maxmemory-policy to noeviction")
    return ok("Redis memory", f"{memory['used_memory']:,} bytes used, nothing is evicted")
