"""What a scorer serves and what it refuses; and how it keeps up with a registry that changes or goes away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from feast import Entity, FeatureService, FeatureStore, Field, OnDemandFeatureView, RequestSource, ValueType
from feast.types import Float64, Int64, String, UnixTimestamp

from feature_repo import REPOSITORY, clock, scorer
from feature_repo.errors import NotScorable
from feature_repo.group_keys import entity_rows
from feature_repo.postgres.background_refresh import Refreshed
from feature_repo.servers.connections import Connections
from tests.feature_repo.conftest import BETS, REFRESHED_AT
from tests.rigs import online_stores
from tests.rigs.forked_commands import run_forked
from tests.rigs.processes import PATIENCE, wait_until

# ---- services that are refused -------------------------------------------------------------------------------------


@pytest.fixture
def declared(connections: Connections, tmp_path: Path) -> Callable[..., FeatureStore]:
    """A store with a service `asked` of these objects."""

    def declared(*parts: Any) -> FeatureStore:
        store = online_stores.store_of(tmp_path, connections.redis)
        views = [store.get_feature_view(part) if isinstance(part, str) else part for part in parts]
        store.apply([*(one for one in views if isinstance(one, OnDemandFeatureView)), asked(views)])
        return store

    return declared


def asked(features: list[Any]) -> FeatureService:
    return FeatureService(name="asked", features=features)


def request(*columns: str) -> RequestSource:
    return RequestSource(name="asked_of_the_bet", schema=[Field(name=name, dtype=Float64) for name in columns])


def on_demand(body: str, **differs: Any) -> OnDemandFeatureView:
    """A view of the field `doubled`, whose function is of one statement over `inputs`."""
    source, names = f"def function(inputs):\n    {body}\n", dict[str, Any]()
    exec(source, names)
    usual: dict[str, Any] = {
        "mode": "python",
        "sources": [request("american_odds")],
        "schema": [Field(name="doubled", dtype=Float64)],
    }
    return OnDemandFeatureView(name="doubling", udf=names["function"], udf_string=source, **usual | differs)


def doubling(**differs: Any) -> OnDemandFeatureView:
    return on_demand("return {'doubled': [2 * odds for odds in inputs['american_odds']]}", **differs)


def pandas_doubling() -> OnDemandFeatureView:
    return on_demand("return inputs.rename(columns={'american_odds': 'doubled'})", mode="pandas")


def single_doubling() -> OnDemandFeatureView:
    return on_demand("return {'doubled': 2 * inputs['american_odds']}", singleton=True)


def test_unknown_service_is_refused_with_the_names_of_the_known(store: Any) -> None:
    with pytest.raises(NotScorable, match=r"no service v2\. .*bet_lookup_v1, market_profitability_at_placement_v1"):
        scorer("v2", store=store)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (["pairs"], "view pairs is looked up by market and sport"),
        (["events"], "view events is looked up by event_id"),
        (["world"], "view world is looked up by nothing"),
        ([pandas_doubling()], "on-demand view doubling has no batch"),
        ([single_doubling()], "on-demand view doubling has no batch"),
        ([doubling(sources=[request("american_odds", "weather")])], "asks for weather, which a bet does not have"),
    ],
)
def test_service_that_cannot_be_scored_is_refused_by_name(
    declared: Callable[..., FeatureStore], parts: list[Any], reason: str
) -> None:
    with pytest.raises(NotScorable, match=reason):
        scorer("asked", store=declared(*parts))


def test_request_column_that_feast_would_hide_is_refused(declared: Callable[..., FeatureStore]) -> None:
    priced = online_stores.view("priced", [online_stores.sport], {"american_odds": Float64}, ttl=None)
    store = declared("stats")
    store.apply([priced, view := doubling(), asked([priced, view])])
    with pytest.raises(NotScorable, match="doubling asks for american_odds, which another view has, too"):
        scorer("asked", store=store)


def test_service_with_two_features_of_the_same_name_is_refused(declared: Callable[..., FeatureStore]) -> None:
    twin = online_stores.view("twin", [online_stores.sport], {"win_rate": Float64}, ttl=None)
    store = declared("stats")
    store.apply([twin, asked([store.get_feature_view("stats"), twin])])
    with pytest.raises(NotScorable, match="two features of its views have the same name"):
        scorer("asked", store=store)


def test_join_key_that_is_no_text_is_refused(declared: Callable[..., FeatureStore], connections: Connections) -> None:
    store = declared("stats")
    numbered = Entity(name="numbered", join_keys=["institution_name"], value_type=ValueType.INT64)
    view = online_stores.view("by_number", [numbered], {"rate": Float64}, ttl=None)
    store.apply([numbered, view, asked([view])])
    with pytest.raises(NotScorable, match="view by_number is looked up by a Int64, not by text"):
        scorer("asked", store=store)


def test_store_without_redis_is_refused(tmp_path: Path, connections: Connections) -> None:
    store = online_stores.store_of(tmp_path, connections.redis)
    config = store.config.model_copy(update={"online_config": {"type": "sqlite", "path": str(tmp_path / "o.db")}})
    config._online_store = None
    with pytest.raises(NotScorable, match="SqliteOnlineStore, and scoring reads Redis"):
        scorer("asked", store=FeatureStore(config=config))


# ---- on-demand functions -------------------------------------------------------------------------------------------


def test_on_demand_function_gets_only_features_of_declared_sources_by_both_names(
    declared: Callable[..., FeatureStore],
) -> None:
    store = declared("stats", "facts")
    stats = store.get_feature_view("stats")
    view = on_demand(
        "return {'told': [' '.join(sorted(name for name in inputs if 'rate' in name or 'odds' in name))] * len("
        "inputs['sport'] if 'sport' in inputs else inputs['win_rate'])}",
        schema=[Field(name="told", dtype=String)],
        sources=[stats[["win_rate"]]],
    )
    store.apply([view, asked([store.get_feature_view("facts")[["live"]], view])])
    told = scorer("asked", store=store)(BETS[:2]).columns["told"]
    served = store.get_online_features(store.get_feature_service("asked"), entity_rows(BETS[:2])).to_dict()["told"]
    assert told == served == ["stats__win_rate win_rate"] * 2


@pytest.mark.parametrize(
    ("expression", "dtype"),
    [("1", Float64), ("float('nan')", Float64), ("7.0", Int64), ("None", Int64)],
)
def test_result_of_an_on_demand_function_gets_the_declared_type_as_in_feast(
    declared: Callable[..., FeatureStore], expression: str, dtype: Any
) -> None:
    view = on_demand(
        f"return {{'one': [{expression} for _ in inputs['american_odds']]}}", schema=[Field(name="one", dtype=dtype)]
    )
    # The type is told by the schema; Feast would infer another one when it is applied.
    view.infer_features = lambda: None  # type: ignore[method-assign]
    store = declared("stats", view)
    scored = scorer("asked", store=store)(BETS[:2]).columns["one"]
    served = store.get_online_features(store.get_feature_service("asked"), entity_rows(BETS[:2])).to_dict()["one"]
    assert [(type(one), one) for one in scored] == [(type(one), one) for one in served]


def test_on_demand_function_gets_instants_to_the_second_as_in_feast(declared: Callable[..., FeatureStore]) -> None:
    placed = RequestSource(name="placement", schema=[Field(name="time_placed", dtype=UnixTimestamp)])
    store = declared(
        on_demand("return {'doubled': [at.microsecond / 2 for at in inputs['time_placed']]}", sources=[placed])
    )
    bets = [one | {"time_placed": REFRESHED_AT.replace(microsecond=999_999)} for one in BETS[:2]]
    served = store.get_online_features(
        store.get_feature_service("asked"), [{"time_placed": one["time_placed"]} for one in bets]
    )
    assert scorer("asked", store=store)(bets).columns == served.to_dict() == {"doubled": [0.0, 0.0]}


def test_scored_values_keep_the_order_of_the_service_across_view_kinds(
    declared: Callable[..., FeatureStore], connections: Connections
) -> None:
    by_market = Entity(name="sport_market", join_keys=["sport_market"], value_type=ValueType.STRING)
    other = online_stores.view("other", [by_market], {"rate": Float64}, ttl=timedelta(0))
    store = declared("stats")
    stats, facts = store.get_feature_view("stats"), store.get_feature_view("facts")
    view = doubling()
    store.apply([by_market, other, view, asked([stats[["count"]], other, view, facts[["odds"]]])])
    online_stores.write(store, "stats", [({"sport": "NBA"}, {"count": 7}, REFRESHED_AT)])
    online_stores.write(store, "facts", [({"sport": "NBA"}, {"odds": 0.5}, REFRESHED_AT)])
    clock.set_now(REFRESHED_AT)
    vectors = scorer("asked", store=store)(BETS[0])
    assert (vectors.names, vectors.rows) == (("count", "rate", "doubled", "odds"), [(7, None, -220.0, 0.5)])
    assert list(vectors.as_of) == ["stats", "other", "facts"]


def test_service_of_on_demand_views_alone_is_computed_as_in_feast(declared: Callable[..., FeatureStore]) -> None:
    store = declared(doubling())
    vectors = scorer("asked", store=store)(BETS[:2])
    odds = [{"american_odds": float(one["american_odds"])} for one in BETS[:2]]
    served = store.get_online_features(store.get_feature_service("asked"), odds).to_dict()["doubled"]
    assert (vectors.columns, vectors.as_of) == ({"doubled": served}, {})
    assert served == [-220.0, -220.0]


def test_on_demand_function_that_drops_a_bet_is_an_error(declared: Callable[..., FeatureStore]) -> None:
    store = declared("stats", on_demand("return {'doubled': [1.0]}"))
    with pytest.raises(ValueError, match="doubling gave no column doubled of 2 values"):
        scorer("asked", store=store)(BETS[:2])


# ---- keeping up ----------------------------------------------------------------------------------------------------


def test_changed_service_is_picked_up_while_scoring_goes_on(declared: Callable[..., FeatureStore]) -> None:
    store = declared("stats")
    score, still = scorer("asked", store=store, refresh_seconds=0.05), scorer("asked", store=store)
    views = [store.get_feature_view("stats"), store.get_feature_view("facts"), doubling()]
    store.apply([views[2], asked(views)])
    wait_until(lambda: "doubled" in score(BETS[0]).names)
    assert score(BETS[0]).columns["doubled"] == [-220.0]
    assert score(BETS[0]).names == ("win_rate", "count", "label", "odds", "live", "seen_at", "raw", "doubled")
    assert still(BETS[0]).names == ("win_rate", "count", "label")


@pytest.fixture
def registry_away(stocked: Connections) -> Iterator[Callable[[str, str], None]]:
    """Rename the registry's schema: what a reader of it finds is an error, on a real server."""
    names = {"now": "feast"}

    def rename(name: str) -> None:
        with psycopg.connect(**stocked.postgres.conninfo, autocommit=True) as database:
            database.execute(f"alter schema {names['now']} rename to {name}")
        names["now"] = name

    yield rename  # type: ignore[misc]
    if names["now"] != "feast":
        rename("feast")


def test_registry_that_fails_is_warned_of_once_and_scoring_goes_on(
    store: Any, registry_away: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    score = scorer("market_profitability_at_placement_v1", store=store, refresh_seconds=0.05)
    wanted = score(BETS).rows
    reads: list[Any] = []
    read = score._definitions._read
    score._definitions._read = lambda: (reads.append(1), read())[1]
    registry_away("elsewhere")
    with caplog.at_level(logging.WARNING, "feature_repo"):
        wait_until(lambda: score(BETS).rows == wanted and len(reads) > 3)
    warned = [one.getMessage() for one in caplog.records if "cannot be read anew" in one.getMessage()]
    assert len(warned) == 1
    assert warned[0].startswith("The definition of market_profitability_at_placement_v1 cannot be read anew")
    registry_away("feast")
    before = score._definitions._value
    wait_until(lambda: bool(score(BETS)) and score._definitions._value is not before)


def test_opening_a_scorer_without_a_registry_raises(store: Any, registry_away: Callable[[str], None]) -> None:
    store.registry  # noqa: B018 (Feast reads it all when it is opened)
    registry_away("elsewhere")
    with pytest.raises(Exception, match=r"feature_services"):
        scorer("bet_lookup_v1", store=store)


def test_reads_of_a_refreshed_value_do_not_wait_for_a_slow_refresh() -> None:
    slow, answers = threading.Event(), iter(["first", "second"])

    def read() -> str:
        answer = next(answers)
        if answer == "second":
            slow.wait(PATIENCE)
        return answer

    current = Refreshed(read, 0.01, "it")
    time.sleep(0.02)
    assert [current.get() for _ in range(100)] == ["first"] * 100
    slow.set()
    wait_until(lambda: current.get() == "second")


def test_refreshed_value_is_read_once_within_the_refresh_interval() -> None:
    reads: list[int] = []
    current = Refreshed(lambda: reads.append(1), 3600, "it")
    for _ in range(1000):
        current.get()
    assert len(reads) == 1


def test_scorer_refreshes_at_the_interval_of_the_registry_cache(store: Any) -> None:
    assert scorer("bet_lookup_v1", store=store)._definitions._seconds == 60
    store.config.registry.cache_ttl_seconds = 0
    assert scorer("bet_lookup_v1", store=store)._definitions._seconds == float("inf")


def test_scorer_made_before_a_fork_scores_in_the_child(stocked: Connections, environ: dict[str, str]) -> None:
    """gunicorn with --preload makes it in the parent: children share neither its threads nor its connections."""
    from feature_repo.servers.environment import feast_environment

    program = (
        "import os, sys, time\n"
        "from feature_repo import scorer\n"
        "from tests.feature_repo.conftest import BETS\n"
        "score = scorer('market_profitability_at_placement_v1', refresh_seconds=0.01)\n"
        "wanted = score(BETS).rows\n"
        "children = []\n"
        "for _ in range(3):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        inherited, end = score._definitions._value, time.monotonic() + 600\n"
        "        while score._definitions._value is inherited and time.monotonic() < end:\n"
        "            if score(BETS).rows != wanted:\n"
        "                os._exit(1)\n"
        "        os._exit(0 if score._definitions._value is not inherited else 2)\n"
        "    children.append(child)\n"
        "assert all(score(BETS).rows == wanted for _ in range(200))\n"
        "sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))\n"
    )
    known = (
        environ | feast_environment(stocked) | {"REDIS_URL": stocked.redis.url, "PIKKIT_NOW": REFRESHED_AT.isoformat()}
    )
    done = run_forked("python", ["-c", program], environ=known, cwd=REPOSITORY)
    assert (done.returncode, done.stderr if "cannot be read anew" in done.stderr else "") == (0, "")


def test_value_of_a_view_without_a_ttl_is_scored_at_any_age(
    declared: Callable[..., FeatureStore], connections: Connections
) -> None:
    store = declared("stats")
    endless = online_stores.view("endless", [online_stores.sport], {"rate": Float64}, ttl=None)
    store.apply([endless, asked([endless])])
    online_stores.write(store, "endless", [({"sport": "NBA"}, {"rate": 0.5}, REFRESHED_AT - timedelta(days=9000))])
    clock.set_now(REFRESHED_AT)
    assert scorer("asked", store=store)(BETS[0]).rows == [(0.5,)]
