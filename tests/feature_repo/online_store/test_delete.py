"""What is deleted from a Redis that two projects share, whose names even end alike: this project's rows, no others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from feast import Entity, ValueType
from feast.infra.online_stores.redis import RedisOnlineStore
from feast.types import Float64

from feature_repo import clock
from feature_repo.online_store import delete
from feature_repo.online_store.layout import COPY_OF, watermarks_key
from feature_repo.servers.connections import Connections, Redis
from tests.rigs.databases import emptied_redis
from tests.rigs.online_stores import DAY, store_of, view, write, write_watermark

NOW = datetime(2026, 5, 24, 15, tzinfo=UTC)
FEATURES = ["stats:win_rate", "facts:odds", "pairs:pair_rate", "world:everywhere"]
REQUEST = [{"sport": "NBA", "market": "m"}]
PRESENT = {"sport": ["NBA"], "market": ["m"], "win_rate": [0.5], "odds": [1.5], "pair_rate": [2.5], "everywhere": [3.5]}

Filled = Callable[..., Any]
Content = dict[bytes, dict[bytes, bytes]]


@pytest.fixture
def shared(servers: Connections) -> Redis:
    clock.set_now(NOW)
    return emptied_redis(servers.redis)


@pytest.fixture
def filled(tmp_path: Path, shared: Redis) -> Filled:
    """A store of a project, with a row in every view."""

    def filled(project: str, **online: Any) -> Any:
        store = store_of(tmp_path, shared, project=project, **online)
        write(store, "stats", [({"sport": "NBA"}, {"win_rate": 0.5}, NOW)])
        write(store, "facts", [({"sport": "NBA"}, {"odds": 1.5}, NOW), ({"sport": "NFL"}, {"odds": 1.5}, NOW)])
        write(store, "pairs", [({"sport": "NBA", "market": "m"}, {"pair_rate": 2.5}, NOW)])
        write(store, "world", [({}, {"everywhere": 3.5}, NOW)])
        for name in ("stats", "world"):
            write_watermark(shared, project, name, NOW)
        return store

    return filled


def content(server: Redis, *, of: str) -> Content:
    """All that the project `of` holds, when there are `bets` and `dev_bets`."""
    with redis.Redis.from_url(server.url) as client:
        everything = {key: client.hgetall(key) for key in client.scan_iter()}
    return {key: fields for key, fields in everything.items() if key.endswith(b"dev_bets") == (of == "dev_bets")}


def read(store: Any) -> dict[str, Any]:
    return store.get_online_features(FEATURES, REQUEST).to_dict()


def both(filled: Filled, shared: Redis, mine: str) -> tuple[Any, Any, Content]:
    """The store of this project, that of the other, and what the other holds."""
    other = {"bets": "dev_bets", "dev_bets": "bets"}[mine]
    mine_store, neighbour = filled(mine), filled(other)
    return mine_store, neighbour, content(shared, of=other)


def online(store: Any) -> Any:
    return store._get_provider().online_store


projects = pytest.mark.parametrize("mine", ["bets", "dev_bets"])


@projects
def test_deleted_view_is_gone_from_the_project_alone(filled: Filled, shared: Redis, mine: str) -> None:
    store, neighbour, before = both(filled, shared, mine)
    online(store).delete_table(store.config, store.get_feature_view("stats"))
    assert read(store) == PRESENT | {"win_rate": [None]}
    # An entity that never had the view keeps the one that it has.
    assert store.get_online_features(["facts:odds"], [{"sport": "NFL"}]).to_dict()["odds"] == [1.5]
    assert content(shared, of=neighbour.project) == before
    assert content(shared, of=mine)[watermarks_key(mine)].keys() == {b"world"}


@projects
def test_entity_of_a_deleted_view_only_leaves_redis(filled: Filled, shared: Redis, mine: str) -> None:
    store, neighbour, before = both(filled, shared, mine)
    held = content(shared, of=mine)
    online(store).delete_table(store.config, store.get_feature_view("facts"))
    gone = held.keys() - content(shared, of=mine).keys()
    assert [b"NFL" in key for key in gone] == [True]
    assert content(shared, of=neighbour.project) == before


@projects
def test_deletion_by_join_keys_takes_entities_and_watermarks_of_views(filled: Filled, shared: Redis, mine: str) -> None:
    store, neighbour, before = both(filled, shared, mine)
    online(store).delete_entity_values(store.config, ["sport"])
    assert read(store) == PRESENT | {"win_rate": [None], "odds": [None]}
    assert content(shared, of=mine)[watermarks_key(mine)].keys() == {b"world"}
    online(store).delete_entity_values(store.config, ["sport", "market"])
    assert read(store) == PRESENT | {"win_rate": [None], "odds": [None], "pair_rate": [None]}
    assert content(shared, of=neighbour.project) == before


@projects
def test_teardown_empties_the_project_and_leaves_another_whole(filled: Filled, shared: Redis, mine: str) -> None:
    with redis.Redis.from_url(shared.url) as client:
        for project in ("bets", "dev_bets"):
            client.hset(watermarks_key(project), COPY_OF, "somebody's")
    store, neighbour, before = both(filled, shared, mine)
    store.teardown()
    assert content(shared, of=mine) == {}
    assert content(shared, of=neighbour.project) == before
    assert read(neighbour) == PRESENT


@projects
def test_view_taken_out_by_apply_is_gone_with_the_watermark(filled: Filled, shared: Redis, mine: str) -> None:
    store, neighbour, before = both(filled, shared, mine)
    store.apply([], objects_to_delete=[store.get_feature_view("stats")], partial=False)
    fields = [name for held in content(shared, of=mine).values() for name in held]
    assert b"_ts:stats" not in fields
    assert b"stats" not in fields
    assert b"_ts:facts" in fields
    assert content(shared, of=neighbour.project) == before


def test_apply_without_a_scan_removes_at_least_the_watermark(filled: Filled, shared: Redis) -> None:
    store = filled("bets", full_scan_for_deletion=False)
    store.apply([], objects_to_delete=[store.get_feature_view("stats")], partial=False)
    held = content(shared, of="bets")
    assert held[watermarks_key("bets")].keys() == {b"world"}
    assert any(b"_ts:stats" in fields for fields in held.values())


def test_project_reads_neither_rows_nor_watermarks_of_another(filled: Filled, tmp_path: Path, shared: Redis) -> None:
    filled("dev_bets")
    empty = store_of(tmp_path, shared, project="bets")
    assert read(empty) == PRESENT | {one.split(":")[1]: [None] for one in FEATURES}
    write(empty, "stats", [({"sport": "NBA"}, {"win_rate": 0.1}, NOW - 2 * DAY)])
    assert read(empty)["win_rate"] == [None]  # it has no watermark of its own


def test_stock_store_deletes_keys_of_another_project(filled: Filled, shared: Redis) -> None:
    store, neighbour = filled("bets"), filled("dev_bets")
    RedisOnlineStore().delete_table(store.config, store.get_feature_view("stats"))
    assert read(neighbour)["win_rate"] == [None]
    RedisOnlineStore().teardown(store.config, store.list_feature_views(), [])
    assert read(neighbour) == PRESENT | {"win_rate": [None], "odds": [None], "pair_rate": [None]}


# The length of a name stands before it as a byte, and as such it may be a character with a meaning in patterns.
@pytest.mark.parametrize("join_key", ["odd[s]", "o*s", "o?s", "o\\s", "x" * 42, "x" * 63, "x" * 91, "x" * 92])
def test_project_name_that_looks_like_a_pattern_is_taken_literally(
    tmp_path: Path, shared: Redis, join_key: str
) -> None:
    entity = Entity(name="odd", join_keys=[join_key], value_type=ValueType.STRING)
    store = store_of(tmp_path, shared, views=[entity, view("odds", [entity], {"price": Float64}, ttl=DAY)])
    write(store, "odds", [({join_key: "[a-z]*"}, {"price": 0.5}, NOW)])
    assert store.get_online_features(["odds:price"], [{join_key: "[a-z]*"}]).to_dict()["price"] == [0.5]
    online(store).delete_table(store.config, store.get_feature_view("odds"))
    assert content(shared, of="bets") == {}


def test_many_keys_are_deleted_in_batches(filled: Filled, shared: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delete, "_BATCH", 7)
    store = filled("bets")
    write(store, "facts", [({"sport": f"sport {number}"}, {"odds": 1.0}, NOW) for number in range(100)])
    with redis.Redis.from_url(shared.url) as client:
        removed = delete.delete_view(client, ["sport"], "bets", "facts", [])
        assert removed == 102
        assert delete.delete_entities(client, ["sport"], "bets") == 1
        assert delete.delete_entities(client, ["sport"], "bets") == 0


def test_key_that_a_scan_shows_twice_is_counted_once(filled: Filled, shared: Redis, monkeypatch: Any) -> None:
    # Redis may do so while its table of keys grows or shrinks: twice in one batch, and again in a later one.
    class Twice(redis.Redis):
        def scan_iter(self, *args: Any, **kwargs: Any) -> Any:
            keys = list(super().scan_iter(*args, **kwargs))
            return iter([key for key in keys for _ in range(2)] + keys)

    monkeypatch.setattr(delete, "_BATCH", 4)
    filled("bets")
    with Twice.from_url(shared.url) as client:
        assert delete.delete_view(client, ["sport"], "bets", "facts", []) == 2
        assert delete.delete_entities(client, ["sport"], "bets") == 1
