"""Features of the types Map, Struct and Json, and lists of them: JSON in tables, the same Python value everywhere."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
import redis
from feast import FeatureView, Field, PushSource
from feast.data_source import PushMode
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import (
    PostgreSQLSource,
    SavedDatasetPostgreSQLStorage,
)
from feast.types import Array, Int64, Json, Map, String, Struct

from feature_repo.errors import RowsUnfit
from feature_repo.registry.ungated_views import GATE_TAG, NO_GATE
from tests.rigs.published_store import WATERMARK, Published

POINT = Struct({"x": Int64, "label": String})
# Feature -> its Feast type, its column's type, and a value.
FEATURES: dict[str, tuple[Any, str, Any]] = {
    "map": (Map, "jsonb", {"a": 1, "b": {"c": "x"}, "d": "it's"}),
    "struct": (POINT, "jsonb", {"x": 7, "label": 'say "hi"\\'}),
    "json": (Json, "jsonb", {"deep": [1, {"x": None}], "on": True, "share": 0.5}),
    "json_text": (Json, "json", ["a", "b"]),
    "maps": (Array(Map), "jsonb", [{"a": 1}, {"a": 2}]),
    "structs": (Array(POINT), "jsonb", [{"x": 1, "label": "one"}, {"x": 2, "label": None}]),
    "jsons": (Array(Json), "jsonb", [{"a": [1, 2]}, {"a": []}]),
    "json_array": (Array(Json), "jsonb[]", [{"a": [1, 2]}, {"a": []}]),
    "map_array": (Array(Map), "jsonb[]", [{"a": "x"}, {"a": "y"}]),
}
NAMES = list(FEATURES)
REFS = [f"odds:{name}" for name in NAMES]


@pytest.fixture
def store(published: Published, gated: Any) -> Any:
    columns = ", ".join(f"{name} {column}" for name, (_, column, _) in FEATURES.items())
    published.execute(f"create table public.odds (sport text, at timestamptz, {columns}, unique (sport, at))")
    table = PostgreSQLSource(name="odds", table="public.odds", timestamp_field="at")
    view = FeatureView(
        name="odds",
        entities=[gated.get_entity("sport")],
        ttl=timedelta(days=2),
        schema=[Field(name="sport", dtype=String), *(Field(name=n, dtype=t) for n, (t, _, _) in FEATURES.items())],
        source=PushSource(name="pushed", batch_source=table),
        tags={GATE_TAG: NO_GATE},
    )
    gated.apply([view])
    return gated


def row(sport: str = "NBA", **differs: Any) -> pd.DataFrame:
    """Json also as its text: Feast hands a frame on by Arrow, which mixes no kinds of values."""
    values = {name: value for name, (_, _, value) in FEATURES.items()}
    values |= {"json": json.dumps(values["json"]), "jsons": [json.dumps(value) for value in values["jsons"]]} | differs
    return pd.DataFrame([{"sport": sport, "at": WATERMARK - timedelta(hours=1)} | values])


def online(store: Any, sport: str = "NBA") -> dict[str, Any]:
    result = store.get_online_features(REFS, [{"sport": sport}]).to_dict()
    return {name: result[name][0] for name in NAMES}


def trained(store: Any, sport: str = "NBA") -> Any:
    return store.get_historical_features(pd.DataFrame({"sport": [sport], "event_timestamp": [WATERMARK]}), REFS)


def test_json_values_are_the_same_pushed_stored_materialized_and_saved(published: Published, store: Any) -> None:
    expected = {name: value for name, (_, _, value) in FEATURES.items()}
    store.push("pushed", row(), to=PushMode.ONLINE_AND_OFFLINE)
    store.write_to_offline_store("odds", row("NFL", **dict.fromkeys(NAMES)))
    assert online(store) == expected
    job = trained(store)
    assert job.to_df()[NAMES].to_dict("records") == [expected]
    assert trained(store, "NFL").to_df()[NAMES].to_dict("records") == [dict.fromkeys(NAMES)]
    # In the table they are JSON, not text of JSON.
    stored = (
        "select map ->> 'd', json -> 'deep' -> 0, jsons -> 0 -> 'a' -> 1, json_array[1] -> 'a' -> 1, maps -> 1 -> 'a' "
    )
    assert published.database.execute(stored + "from odds where sport = 'NBA'").fetchall() == [("it's", 1, 2, 2, 2)]

    with redis.Redis.from_url(published.connections.redis.url) as client:
        client.flushdb()
    store.materialize(WATERMARK - timedelta(days=1), WATERMARK, ["odds"])
    assert online(store) == expected
    assert online(store, "NFL") == dict.fromkeys(NAMES)

    store.create_saved_dataset(job, "kept", SavedDatasetPostgreSQLStorage("public.kept"))
    assert store.get_saved_dataset("kept").to_df()[NAMES].to_dict("records") == [expected]
    every = store.get_historical_features(
        features=REFS, start_date=WATERMARK - timedelta(days=1), end_date=WATERMARK
    ).to_df()
    assert every[every["sport"] == "NBA"][NAMES].to_dict("records") == [expected]


def test_value_that_json_cannot_hold_is_refused_offline(published: Published, store: Any) -> None:
    for value in ({"a": float("inf")}, {"a": b"x"}, '{"a": '):
        with pytest.raises(RowsUnfit, match=r"do not fit public\.odds"):
            store.push("pushed", row(json=value), to=PushMode.OFFLINE)
    assert published.database.execute("select count(*) from odds").fetchall() == [(0,)]
