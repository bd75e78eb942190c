"""What is read online: stock's values where something may be served, and the status that says why otherwise."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from feast import FeatureService, metrics
from feast.infra.online_stores.redis import RedisOnlineStore
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo import clock
from feature_repo.errors import EntityKeysMissing
from tests.rigs.online_stores import DAY, entity_key, some_views, store_of, write, write_watermark
from tests.rigs.redis_servers import Server, server

NOW = datetime(2026, 5, 24, 15, tzinfo=UTC)
SPORTS, MARKETS, EVENTS = ["NBA", "NFL", "", "Fußball ⚽"], ["ML", "NBA"], [0, 1, -1, 2**62]
VIEWS = {one.name: one for one in some_views()}
KEYS = {name: [column.name for column in one.entity_columns] for name, one in VIEWS.items()}
FEATURES = {name: [field.name for field in one.features] for name, one in VIEWS.items()}
EVERYTHING = [f"{name}:{feature}" for name, features in FEATURES.items() for feature in features]
HELD = ("stats", "world")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("redis")) as node:
        yield node


@pytest.fixture(scope="module")
def stores(node: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Ours and stock, over the same registry and the same Redis."""
    home = tmp_path_factory.mktemp("registries")
    ours, stock = store_of(home, node.redis), store_of(home, node.redis, kind="redis")
    stock._registry = ours._registry
    return ours, stock


@pytest.fixture(autouse=True)
def _clean(node: Server) -> None:
    clock.set_now(NOW)
    with node.client() as client:
        client.flushall()


# ---- against stock, and against an oracle ----------------------------------------------------------------------------

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "Float64": st.floats(allow_nan=False),
    "Float32": st.floats(allow_nan=False, width=32),
    "Int64": st.integers(-(2**63), 2**63 - 1),
    "Int32": st.integers(-(2**31), 2**31 - 1),
    "String": st.text(max_size=200),
    # Feast makes null of b"" where it stands alone.
    "Bytes": st.binary(min_size=1, max_size=200),
    "Bool": st.booleans(),
    "UnixTimestamp": st.integers(1, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    "Array(Float64)": st.lists(st.floats(allow_nan=False), min_size=1, max_size=40),
    "Array(String)": st.lists(st.text(max_size=5), min_size=1, max_size=5),
}


def features_of(name: str) -> st.SearchStrategy[dict[str, Any]]:
    kinds = {field.name: VALUES[str(field.dtype)] for field in VIEWS[name].features}
    return st.fixed_dictionaries({feature: st.none() | kind for feature, kind in kinds.items()})


def keys_of(name: str) -> list[tuple[Any, ...]]:
    values = {"sport": SPORTS, "market": MARKETS, "event_id": EVENTS}
    return list(itertools.product(*(values[key] for key in KEYS[name] if key in values)))


def instants(name: str) -> st.SearchStrategy[datetime]:
    """Around now, around the edge of the TTL, and anywhere."""
    edges = [NOW, NOW - (VIEWS[name].ttl or timedelta(0))]
    near = st.builds(lambda edge, off: edge + timedelta(microseconds=off), st.sampled_from(edges), st.integers(-2, 2))
    return near | st.datetimes(NOW.replace(tzinfo=None) - 3 * DAY, NOW.replace(tzinfo=None) + DAY).map(
        lambda at: at.replace(tzinfo=UTC)
    )


CONTENT = st.fixed_dictionaries(
    {
        name: st.dictionaries(st.sampled_from(keys_of(name)), st.tuples(instants(name), features_of(name)), max_size=4)
        for name in VIEWS
    }
)
WATERMARKS = st.fixed_dictionaries({}, optional={name: instants(name) for name in HELD})
ROWS = st.lists(
    st.fixed_dictionaries(
        {"sport": st.sampled_from(SPORTS), "market": st.sampled_from(MARKETS), "event_id": st.sampled_from(EVENTS)}
    ),
    min_size=1,
    max_size=8,
)
ASKED = st.lists(st.sampled_from(EVERYTHING), min_size=1, unique=True)


@dataclasses.dataclass
class Served:
    value: Any
    status: int
    at: int


def table(response: Any) -> dict[str, list[Served]]:
    """Feature -> what is told of each row; the instant in microseconds."""
    values = response.to_dict()
    return {
        name: [
            Served(value, status, at.seconds * 1_000_000 + at.nanos // 1000)
            for value, status, at in zip(values[name], vector.statuses, vector.event_timestamps, strict=True)
        ]
        for name, vector in zip(response.proto.metadata.feature_names.val, response.proto.results, strict=True)
        if name not in ("sport", "market", "event_id")
    }


def told(name: str, feature: str, row: Mapping[str, Any], content: Any, watermarks: Any) -> tuple[int, int]:
    """The oracle: status and instant."""
    stored = content[name].get(tuple(row[key] for key in KEYS[name] if key in row))
    if stored is None:
        return FieldStatus.NOT_FOUND, 0
    at, values = stored
    as_of = max(at, watermarks.get(name, at))
    micros = (as_of - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    if VIEWS[name].ttl and NOW - as_of > VIEWS[name].ttl:
        return FieldStatus.OUTSIDE_MAX_AGE, micros
    return (FieldStatus.NULL_VALUE if values[feature] is None else FieldStatus.PRESENT), micros


def refill(node: Server, store: Any, content: Any, watermarks: Any) -> None:
    with node.client() as client:
        client.flushall()
    for name, rows in content.items():
        write(
            store, name, [(dict(zip(KEYS[name], key, strict=False)), values, at) for key, (at, values) in rows.items()]
        )
    for name, until in watermarks.items():
        write_watermark(node.redis, "bets", name, until)


@settings(max_examples=80)
@given(content=CONTENT, watermarks=WATERMARKS, rows=ROWS, asked=ASKED)
def test_online_values_equal_stock_and_statuses_say_why_a_value_is_null(
    stores: Any, node: Server, content: Any, watermarks: Any, rows: Any, asked: Any
) -> None:
    ours, stock = stores
    refill(node, ours, content, watermarks)
    wanted = table(stock.get_online_features(asked, rows))
    for got in (
        table(ours.get_online_features(asked, rows)),
        table(asyncio.run(ours.get_online_features_async(asked, rows))),
    ):
        assert list(got) == list(wanted)
        for name, feature in (one.split(":") for one in asked):
            for row, served, stocks in zip(rows, got[feature], wanted[feature], strict=True):
                status, at = told(name, feature, row, content, watermarks)
                assert (served.status, served.at) == (status, at)
                assert served.value == (stocks.value if status == FieldStatus.PRESENT else None)


@settings(max_examples=40)
@given(content=CONTENT, watermarks=WATERMARKS, data=st.data())
def test_online_read_by_entity_keys_gives_the_rows_of_online_features(
    stores: Any, node: Server, content: Any, watermarks: Any, data: Any
) -> None:
    ours, stock = stores
    refill(node, ours, content, watermarks)
    name = data.draw(st.sampled_from([*VIEWS]))
    keys = data.draw(st.lists(st.sampled_from(keys_of(name)), min_size=1, max_size=5))
    features = data.draw(st.none() | st.lists(st.sampled_from(FEATURES[name]), min_size=1, unique=True))
    entities = [entity(name, key) for key in keys]
    view = ours.get_feature_view(name)
    wanted = online(stock).online_read(stock.config, view, entities, features and [*features])
    asked = features and [*features]
    got = online(ours).online_read(ours.config, view, entities, asked)
    assert asked == features  # stock adds to the caller's list
    assert got == asyncio.run(online(ours).online_read_async(ours.config, view, entities, asked))
    for key, (at, values), (_, stocks) in zip(keys, got, wanted, strict=True):
        row = dict(zip(KEYS[name], key, strict=False))
        for feature in features or FEATURES[name]:
            status, micros = told(name, feature, row, content, watermarks)
            assert (values is None) == (at is None) == (status == FieldStatus.NOT_FOUND)
            if values is not None:
                assert at == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
                assert values[feature] == (stocks[feature] if status == FieldStatus.PRESENT else Value())


def entity(name: str, key: tuple[Any, ...]) -> EntityKey:
    return entity_key(**dict(zip(KEYS[name], key, strict=False)))


def online(store: Any) -> Any:
    return store._get_provider().online_store


# ---- what is sent ----------------------------------------------------------------------------------------------------


def test_each_entity_is_read_once_and_all_in_a_single_round_trip(stores: Any, node: Server) -> None:
    ours, stock = stores
    rows = [
        {"sport": sport, "market": market, "event_id": 1}
        for sport, market in [("NBA", "ML"), ("NFL", "ML"), ("NBA", "ML"), ("NBA", "NBA")]
    ]
    # 2 sports, 3 pairs, 1 event, no entity, and the watermarks; stock looks each sport up once for each of two views
    assert sent(node, lambda: ours.get_online_features(EVERYTHING, rows)) == (at_once(8), 1)
    assert sent(node, lambda: ours.get_online_features(["facts:odds", "events:size"], rows)) == (at_once(3), 1)
    assert sent(node, lambda: stock.get_online_features(EVERYTHING, rows)) == ({"hmget": 9}, 1)


def test_watermarks_are_read_before_rows(stores: Any, node: Server) -> None:
    """Rows read first might be from before a refresh, and the watermark from after: old values would seem asserted."""
    ours, _ = stores
    ours.get_online_features(["stats:count"], [{"sport": "NBA"}])  # connected by now
    with node.client() as client, client.monitor() as monitor:
        ours.get_online_features(["stats:count"], [{"sport": "NBA"}])
        transaction, first, second = (next(monitor.listen())["command"] for _ in range(3))
    assert transaction == "MULTI"
    assert first == "HMGET pikkit:marks:bets stats"
    assert "NBA" in second


def test_asynchronous_reads_send_as_few_commands_as_blocking_reads(stores: Any, node: Server) -> None:
    ours, _ = stores

    async def read() -> None:
        await ours.get_online_features_async(EVERYTHING, [{"sport": "NBA", "market": "ML", "event_id": 1}] * 3)

    assert sent(node, lambda: asyncio.run(read()))[0]["hmget"] == 5


def at_once(reads: int) -> dict[str, int]:
    """The commands of so many reads in one transaction."""
    return {"multi": 1, "hmget": reads, "exec": 1}


def sent(node: Server, read: Any) -> tuple[dict[str, int], int]:
    """The commands that Redis processed meanwhile, and in how many packets they came."""
    with node.client() as client:
        read()  # connected by now
        client.config_resetstat()
        read()
        stats, packets = client.info("commandstats"), client.info("stats")["total_reads_processed"]
    counts = {name.removeprefix("cmdstat_"): one["calls"] for name, one in stats.items()}
    return {name: calls for name, calls in counts.items() if not name.startswith(("config", "info"))}, packets - 2


# ---- the shapes of requests ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True])
def test_feature_names_and_metadata_equal_those_of_stock(stores: Any, full: bool) -> None:
    ours, stock = (
        store.get_online_features(
            EVERYTHING,
            [{"sport": "NBA", "market": "ML", "event_id": 1}],
            full_feature_names=full,
            include_feature_view_version_metadata=True,
        ).proto.metadata
        for store in stores
    )
    assert ours == stock
    assert {one.name for one in ours.feature_view_metadata} == set(VIEWS)


def test_each_version_of_a_view_is_read_from_separate_fields(node: Server, tmp_path: Path) -> None:
    ours = store_of(tmp_path, node.redis)
    ours.config.registry.enable_online_feature_view_versioning = True
    stats = ours.get_feature_view("stats")
    write(ours, "stats", [({"sport": "NBA"}, {"win_rate": 0.1}, NOW)])
    stats.current_version_number = 3
    ours.registry.apply_feature_view(stats, ours.project)
    stored = ours.get_feature_view("stats")
    write(ours, "stats", [({"sport": "NBA"}, {"win_rate": 0.3}, NOW)])
    with node.client() as client:
        (key,) = client.keys(b"*bets")
        assert {b"_ts:stats", f"_ts:stats_v{stored.current_version_number}".encode()} <= {*client.hkeys(key)}
    assert ours.get_online_features(["stats:win_rate"], [{"sport": "NBA"}]).to_dict()["win_rate"] == [0.3]
    online(ours).delete_table(ours.config, stored)
    with node.client() as client:
        assert b"_ts:stats" in client.hkeys(key)
        assert not any(b"_v" in field for field in client.hkeys(key))


def test_view_is_read_for_two_aliased_entities_of_a_row(stores: Any, node: Server) -> None:
    ours, stock = stores
    write(ours, "stats", [({"sport": sport}, {"count": count}, NOW) for sport, count in (("NBA", 1), ("NFL", 2))])
    stats = ours.get_feature_view("stats")
    pair = FeatureService(
        name="pair",
        features=[
            stats[["count"]].with_name("home").with_join_key_map({"sport": "home_sport"}),
            stats[["count"]].with_name("away").with_join_key_map({"sport": "away_sport"}),
        ],
    )
    ours.apply([pair])
    stock.refresh_registry()
    rows = [{"home_sport": "NBA", "away_sport": "NFL"}, {"home_sport": "NFL", "away_sport": "NFL"}]
    got, wanted = (store.get_online_features(pair, rows, full_feature_names=True).to_dict() for store in stores)
    assert got == wanted
    assert (got["home__count"], got["away__count"]) == ([1, 2], [2, 2])
    # Two entities and the watermarks; stock asks twice for the NFL.
    assert sent(node, lambda: ours.get_online_features(pair, rows, full_feature_names=True)) == (at_once(3), 1)


def test_entity_key_with_a_missing_part_is_refused_where_stock_finds_nothing(stores: Any) -> None:
    ours, stock = stores
    write(ours, "pairs", [({"sport": "NBA", "market": "ML"}, {"pair_rate": 0.5}, NOW)])
    assert stock.get_online_features(["pairs:pair_rate"], [{"sport": "NBA"}]).to_dict()["pair_rate"] == [None]
    with pytest.raises(EntityKeysMissing, match=r"^Missing join key values for keys: \['market'\]\.") as refused:
        ours.get_online_features(["pairs:pair_rate"], [{"sport": "NBA"}])
    assert refused.value.exit_code == 2
    with pytest.raises(KeyError) as words_of_stock:
        stock.get_online_features(["pairs:pair_rate"], [{"event_id": 1}])
    with pytest.raises(EntityKeysMissing) as refused:
        ours.get_online_features(["pairs:pair_rate"], [{"event_id": 1}])
    # Stock names the keys of all entities there are.
    assert str(refused.value).startswith(words_of_stock.value.args[0].replace("['event_id', ", "["))


def test_null_entity_key_is_refused_with_the_number_of_the_row(stores: Any) -> None:
    ours, stock = stores
    rows = [{"sport": one, "market": "ML", "event_id": 1} for one in ("NBA", None, "NFL", None)]
    with pytest.raises(TypeError, match="attribute name must be string"):
        stock.get_online_features(EVERYTHING, rows)
    with pytest.raises(EntityKeysMissing, match="sport is null in row 1, 3 of the request"):
        ours.get_online_features(EVERYTHING, rows)
    with pytest.raises(EntityKeysMissing, match="event_id is null in row 0 "):
        ours.get_online_features(["events:size"], {"event_id": [None]})
    with pytest.raises(EntityKeysMissing, match="row 0, 1, 2, 3, 4 and 95 more"):
        ours.get_online_features(["stats:count"], {"sport": [None] * 100})
    null = EntityKey(join_keys=["sport"], entity_values=[Value()])
    with pytest.raises(EntityKeysMissing, match="sport is null in row 1 "):
        online(ours).online_read(ours.config, ours.get_feature_view("stats"), [entity_key(sport="NBA"), null])


def test_request_without_rows_gives_no_rows(stores: Any) -> None:
    ours, _ = stores
    assert ours.get_online_features(["stats:count", "facts:odds"], {"sport": []}).to_dict() == {
        "sport": [],
        "count": [],
        "odds": [],
    }
    assert online(ours).online_read(ours.config, ours.get_feature_view("stats"), []) == []


# ---- the rest of what stock does -------------------------------------------------------------------------------------


def test_served_statuses_are_counted_as_by_stock(stores: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, _ = stores
    monkeypatch.setattr(metrics, "_config", dataclasses.replace(metrics._config, online_features=True))
    write(ours, "stats", [({"sport": "NBA"}, {"win_rate": 0.5, "count": None}, NOW)])
    before = counted()
    ours.get_online_features(["stats:win_rate", "stats:count"], [{"sport": "NBA"}, {"sport": "NFL"}])
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1, 3]


def counted() -> list[float]:
    of_view = [
        metrics.online_features_status_total.labels(feature_view="stats", status=one)
        for one in ("present", "not_found")
    ]
    return [one._value.get() for one in of_view]


def test_service_with_precomputed_vectors_is_read_from_rows(stores: Any) -> None:
    ours, _ = stores
    keys = [entity("stats", (sport,)) for sport in ("NBA", "NFL")]
    online(ours).write_precomputed_vector(ours.config, "service", ours.project, keys[0], b"vector")
    assert online(ours).read_precomputed_vectors(ours.config, "service", ours.project, keys) == [b"vector", None]


def test_threads_read_right_rows_from_a_shared_store(stores: Any) -> None:
    ours, _ = stores
    write(ours, "facts", [({"sport": f"{number}"}, {"odds": float(number)}, NOW) for number in range(50)])

    def read(number: int) -> bool:
        rows = [{"sport": f"{one % 50}"} for one in range(number, number + 3)]
        served = ours.get_online_features(["facts:odds"], rows).to_dict()
        return served["odds"] == [float(one % 50) for one in range(number, number + 3)]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(500)))


def test_store_serves_several_event_loops_in_turn(stores: Any) -> None:
    ours, stock = stores
    write(ours, "facts", [({"sport": "NBA"}, {"odds": 1.0}, NOW)])

    def read(store: Any) -> Any:
        return asyncio.run(store.get_online_features_async(["facts:odds"], [{"sport": "NBA"}])).to_dict()["odds"]

    assert [read(ours), read(ours)] == [[1.0], [1.0]]
    assert isinstance(online(stock), RedisOnlineStore)
    with pytest.raises((RuntimeError, redis.RedisError)):
        assert [read(stock), read(stock)] == [[1.0], [1.0]]


def test_view_that_is_declared_anew_is_read_by_the_new_declaration(node: Server, tmp_path: Path) -> None:
    ours = store_of(tmp_path, node.redis)
    write(ours, "facts", [({"sport": "NBA"}, {"odds": 1.0}, NOW - 2 * DAY)])
    assert ours.get_online_features(["facts:odds"], [{"sport": "NBA"}]).to_dict()["odds"] == [None]
    facts = ours.get_feature_view("facts")
    facts.ttl = 3 * DAY
    ours.apply([facts])
    assert ours.get_online_features(["facts:odds"], [{"sport": "NBA"}]).to_dict()["odds"] == [1.0]
