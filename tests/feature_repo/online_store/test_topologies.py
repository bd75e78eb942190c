"""The online store on a cluster and behind sentinels: real ones, of one node each."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from feast.infra.online_stores.redis import RedisOnlineStoreConfig

from feature_repo import clock
from feature_repo.errors import Unreachable
from feature_repo.online_store.layout import OnlineWatermark, microseconds, watermarks_key
from feature_repo.online_store.store import FreshOnlineStoreConfig
from tests.rigs.online_stores import store_of, write
from tests.rigs.processes import free_port
from tests.rigs.redis_servers import Server, cluster, sentinel, server

NOW = datetime(2026, 5, 24, 15, tzinfo=UTC)
REQUEST = (["stats:win_rate", "facts:odds", "world:everywhere"], [{"sport": "NBA"}, {"sport": "NFL"}])


def fill(store: Any, node: Server) -> None:
    clock.set_now(NOW)
    write(store, "stats", [({"sport": "NBA"}, {"win_rate": 0.5}, NOW - timedelta(days=9))])
    write(store, "facts", [({"sport": "NFL"}, {"odds": 1.5}, NOW)])
    write(store, "world", [({}, {"everywhere": 2.5}, NOW)])
    with node.client() as client:
        client.hset(watermarks_key("bets"), "stats", OnlineWatermark(microseconds(NOW), b"-" * 8).packed())


def read_both_ways(store: Any) -> list[dict[str, Any]]:
    async def read() -> Any:
        try:
            return await store.get_online_features_async(*REQUEST)
        finally:
            await store._get_provider().online_store.close()

    return [store.get_online_features(*REQUEST).to_dict(), asyncio.run(read()).to_dict()]


WANTED = {"sport": ["NBA", "NFL"], "win_rate": [0.5, None], "odds": [None, 1.5], "everywhere": [2.5, 2.5]}


def test_redis_cluster_is_read_and_emptied(tmp_path: Path) -> None:
    with cluster(tmp_path) as node:
        store = store_of(tmp_path, f"127.0.0.1:{node.port}", redis_type="redis_cluster")
        fill(store, node)
        assert read_both_ways(store) == [WANTED, WANTED]
        other = store_of(tmp_path, f"127.0.0.1:{node.port}", redis_type="redis_cluster", project="dev_bets")
        fill(other, node)
        store.teardown()
        with node.client() as client:
            assert [key for key in client.scan_iter() if not key.endswith(b"dev_bets")] == []
            assert client.dbsize() == 3


def test_redis_is_found_through_a_sentinel(tmp_path: Path) -> None:
    with server(tmp_path) as master, sentinel(tmp_path, master, name="main") as port:
        store = store_of(tmp_path, f"127.0.0.1:{port}", redis_type="redis_sentinel", sentinel_master="main")
        fill(store, master)
        assert read_both_ways(store) == [WANTED, WANTED]


def test_sentinel_without_the_named_master_is_reported(tmp_path: Path) -> None:
    with server(tmp_path) as master, sentinel(tmp_path, master, name="main") as port:
        store = store_of(tmp_path, f"127.0.0.1:{port}", redis_type="redis_sentinel", sentinel_master="other")
        with pytest.raises(Unreachable, match=f"other behind the sentinels 127.0.0.1:{port}"):
            store.get_online_features(*REQUEST)


def test_dead_sentinels_are_not_tried_again_and_again(tmp_path: Path, retry_waits: list[float]) -> None:
    store = store_of(tmp_path, f"127.0.0.1:{free_port()}", redis_type="redis_sentinel", sentinel_master="main")
    with pytest.raises(Unreachable, match="main behind the sentinels"):
        store.get_online_features(*REQUEST)
    assert retry_waits == []


def test_dead_redis_cluster_is_reported(tmp_path: Path) -> None:
    with cluster(tmp_path) as node:
        store = store_of(tmp_path, f"127.0.0.1:{node.port}", redis_type="redis_cluster")
        fill(store, node)
        node.stop()
        with pytest.raises(Unreachable, match=f"127.0.0.1:{node.port}"):
            store.get_online_features(*REQUEST)


def test_client_has_the_settings_of_stock_and_timeouts() -> None:
    ours, stock = (kind.model_fields for kind in (FreshOnlineStoreConfig, RedisOnlineStoreConfig))
    assert {name: field.default for name, field in ours.items() if name != "type"} == {
        name: field.default for name, field in stock.items() if name != "type"
    }
