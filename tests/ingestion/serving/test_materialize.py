"""What a run copies online: what is new to Redis and no more, and all of it when Redis is not what it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import psycopg
import pytest
import redis

from feature_repo import clock
from feature_repo.declarations.views import GROUPED_VIEWS, STORED_VIEWS
from feature_repo.errors import ClockRewound, GateRefused, Unreachable
from feature_repo.group_keys import entity_rows
from feature_repo.materialization.online_copy import CopyTarget
from feature_repo.online_store import watermarks
from feature_repo.online_store.layout import entity_key, key_prefix, watermarks_key
from feature_repo.scoring import scorer
from feature_repo.servers.connections import Connections
from feature_repo.store import store_at
from ingestion import pipeline
from ingestion.database.access import connect
from ingestion.pipeline import compare, run_materialize
from tests.builders.bet_files import NOW, bet, lost
from tests.builders.judgements import pass_gates
from tests.rigs.databases import dumped, restore
from tests.rigs.lenient_pipeline import run_backfill

HOUR = timedelta(hours=1)
VIEWS = [view.name for view in STORED_VIEWS]
Load = Callable[..., Any]


@pytest.fixture
def server(prepared: Connections) -> Iterator[Any]:
    with redis.Redis.from_url(prepared.redis.url) as server:
        yield server


@pytest.fixture
def database(prepared: Connections) -> Iterator[psycopg.Connection]:
    with connect(prepared.postgres, purpose="test", autocommit=True) as connection:
        yield connection


def written(done: Any) -> dict[str, int]:
    """The keys written per view."""
    return dict(done.summary.online.keys_written)


def differences(connections: Connections) -> list[str]:
    return [one.name for one in compare(connections) if one.differences]


def test_a_run_writes_only_changed_keys_online(load: Load, prepared: Connections) -> None:
    load(bet("a", 1, sport="Soccer"), bet("b", 2, sport="Tennis"))
    again = load(bet("c", 3, sport="Tennis"), now=NOW + HOUR)
    assert written(again) == {
        "sport_stats": 1,
        "sport_market_stats": 1,
        "sport_market_recent": 1,
        "sport_league_stats": 1,
        "sport_league_market_stats": 1,
        "institution_stats": 1,
        "bet_facts": 1,
        "bet_closing_line": 0,
    }
    assert differences(prepared) == []


def test_a_run_without_news_writes_nothing_and_keeps_all_groups_served(load: Load, prepared: Connections) -> None:
    rows = bet("a", 1), bet("refused", 2, status="?")
    assert load(*rows).summary.sync.quarantined == 1
    later = NOW + 5 * 24 * HOUR
    assert set(written(load(*rows, now=later)).values()) == {0}
    served = store_at(prepared).get_online_features(["sport_stats:sport_count"], [{"sport": "Soccer"}])
    told = served.to_dict(include_event_timestamps=True)
    assert (told["sport_count"], told["sport_count__ts"]) == ([1], [int(later.timestamp())])


def test_a_copy_is_recorded_as_an_interval_in_feasts_registry(load: Load, prepared: Connections) -> None:
    load(bet("a", 1))
    load(bet("a", 1), now=NOW + HOUR)
    intervals = store_at(prepared).get_feature_view("sport_stats").materialization_intervals
    assert intervals == [(NOW, NOW + HOUR)]


def test_redis_restored_to_an_earlier_refresh_catches_up_at_the_next_run(
    load: Load, prepared: Connections, server: Any
) -> None:
    load(bet("a", 1), lost("b", 2))
    saved = dumped(server)
    load(bet("c", 3), lost("d", 4), now=NOW + HOUR)
    server.flushdb()
    restore(server, saved)
    assert differences(prepared)
    load(bet("e", 5), now=NOW + 2 * HOUR)
    assert differences(prepared) == []


def test_the_copy_of_another_store_is_replaced(load: Load, prepared: Connections, server: Any) -> None:
    load(bet("a", 1), lost("b", 2))
    for key in server.scan_iter(match="*Soccer*"):
        server.delete(key)
    watermarks.set_copy_of(server, "pikkit", "another store")
    load(bet("a", 1), now=NOW + HOUR)
    assert differences(prepared) == []


def test_a_refused_materialization_leaves_a_foreign_online_copy_unchanged(
    load: Load, prepared: Connections, server: Any, database: psycopg.Connection
) -> None:
    """The other store's watermarks were erased before the gate was asked, and views before the refused one copied."""
    load(bet("a", 1), lost("b", 2))
    watermarks.set_copy_of(server, "pikkit", "another store")
    database.execute("update features.institution_stats_changes set institution_count = 7")
    before = dumped(server)
    with pytest.raises(GateRefused):
        run_materialize(prepared)
    assert dumped(server) == before


def test_a_view_without_an_online_watermark_is_copied_whole(load: Load, prepared: Connections, server: Any) -> None:
    load(bet("a", 1), bet("b", 2, sport="Tennis"))
    store_at(prepared)._get_provider().online_store.delete_table(
        store_at(prepared).config, store_at(prepared).get_feature_view("sport_stats")
    )
    assert differences(prepared) == ["sport_stats online"]
    done = load(bet("a", 1), now=NOW + HOUR)
    assert {name: count for name, count in written(done).items() if count} == {"sport_stats": 2}
    assert differences(prepared) == []


@pytest.mark.parametrize("rebuild", [False, True])
def test_materialize_by_a_clock_before_the_last_refresh_is_refused(
    load: Load, prepared: Connections, server: Any, database: psycopg.Connection, rebuild: bool
) -> None:
    """It copied the last refresh all the same, and its record said that it ran before that refresh."""
    load(bet("a", 1), lost("b", 2))
    server.flushdb()
    clock.set_now(NOW - HOUR)
    with pytest.raises(ClockRewound):
        run_materialize(prepared, rebuild=rebuild)
    assert server.dbsize() == 0
    assert database.execute("select count(*) from ops.runs where verb = 'materialize'").fetchone() == (0,)


def test_materialize_copies_the_backlog_and_rebuild_copies_everything(
    load: Load, prepared: Connections, server: Any
) -> None:
    load(bet("a", 1), lost("b", 2))
    for key in server.scan_iter(match="*Soccer*"):
        server.delete(key)
    assert set(written(run_materialize(prepared)).values()) == {0}
    assert differences(prepared)
    assert all(count for name, count in written(run_materialize(prepared, rebuild=True)).items() if name in VIEWS[:6])
    assert differences(prepared) == []


def test_only_a_rebuild_replaces_keys_of_a_foreign_type(load: Load, prepared: Connections, server: Any) -> None:
    load(bet("a", 1), lost("b", 2))
    taken = [entity_key(key_prefix("sport"), "Soccer", b"pikkit"), watermarks_key("pikkit")]
    theirs = entity_key(key_prefix("sport"), "Soccer", b"another_pikkit")
    for key in (*taken, theirs):
        server.delete(key)
        server.set(key, "no hash")
    with pytest.raises(Unreachable, match=r"answered with an error \(WRONGTYPE") as refused:
        run_materialize(prepared)
    assert "`pikkit materialize --rebuild`" in refused.value.next_step
    run_materialize(prepared, rebuild=True)
    assert differences(prepared) == []
    assert server.get(theirs) == b"no hash"


def test_backfill_that_dies_before_the_online_copy_is_copied_by_the_next_run(
    load: Load, prepared: Connections, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(bet("a", 1), lost("b", 2))
    database.execute("update features.sport_stats_changes set sport_roi = 7")
    run_materialize_unjudged(prepared, monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "copy_online", died)
        with pytest.raises(RuntimeError, match="killed"):
            run_backfill(prepared)
    assert differences(prepared) == ["sport_stats online"]
    load(bet("a", 1), now=NOW + HOUR)
    assert differences(prepared) == []


def died(*_: Any, **__: Any) -> Any:
    raise RuntimeError("killed")


def run_materialize_unjudged(prepared: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis holds what somebody wrote, as if it had passed a gate."""
    with monkeypatch.context() as patch:
        patch.setattr("feature_repo.materialization.publish_guard.require_sound", lambda *_: None)
        run_materialize(prepared, rebuild=True)


def test_rows_of_a_run_without_a_passed_gate_are_not_copied(
    load: Load, prepared: Connections, database: psycopg.Connection, server: Any
) -> None:
    load(bet("a", 1), lost("b", 2))
    database.execute("update features.sport_stats_changes set sport_roi = 7")
    with pytest.raises(GateRefused, match="sport_stats"):
        run_materialize(prepared, rebuild=True)
    served = store_at(prepared).get_online_features(["sport_stats:sport_roi"], [{"sport": "Soccer"}]).to_dict()
    assert served["sport_roi"] != [7.0]


def commit_a_second_run_without_a_copy(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that publishes, and one that is committed and killed before it copies anything online."""
    load(bet("a", 1))
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "copy_online", died)
        with pytest.raises(RuntimeError, match="killed"):
            load(lost("b", 2), now=NOW + HOUR)


def test_run_with_rows_changed_before_the_online_copy_is_not_copied(
    load: Load, prepared: Connections, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_a_second_run_without_a_copy(load, monkeypatch)
    database.execute("update features.sport_stats_changes set sport_roi = 7 where sport_count = 2")
    with pytest.raises(GateRefused, match="sport_stats"):
        run_materialize(prepared)
    served = store_at(prepared).get_online_features(["sport_stats:sport_count"], [{"sport": "Soccer"}]).to_dict()
    assert served["sport_count"] == [1]


def test_rows_of_a_refused_run_stop_the_copy(
    load: Load, prepared: Connections, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_a_second_run_without_a_copy(load, monkeypatch)
    newest = "select run_id from ops.gates order by run_id desc limit 1"
    database.execute(f"update ops.gates set state = 'refused' where run_id in ({newest})")
    with pytest.raises(GateRefused, match="its gate refused it"):
        run_materialize(prepared)


def test_redis_restored_to_before_a_backfill_is_copied_anew_at_the_next_run(
    load: Load, prepared: Connections, database: psycopg.Connection, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(bet("a", 1), lost("b", 2))
    database.execute("update features.sport_stats_changes set sport_roi = 7")
    run_materialize_unjudged(prepared, monkeypatch)
    saved = dumped(server)
    run_backfill(prepared)
    assert differences(prepared) == []
    server.flushdb()
    restore(server, saved)
    load(bet("a", 1), now=NOW + HOUR)
    assert differences(prepared) == []


def test_online_watermark_ahead_of_the_store_is_ignored_and_missing_keys_are_copied(
    load: Load, prepared: Connections, server: Any
) -> None:
    load(bet("a", 1), bet("b", 2, sport="Tennis"))
    store = store_at(prepared)
    later = CopyTarget(store.config, store._get_provider().online_store, store.get_feature_view("sport_stats"))
    later.set_watermark(NOW + 2 * HOUR)
    server.delete(entity_key(key_prefix("sport"), "Tennis", b"pikkit"))
    assert differences(prepared) == ["sport_stats online"]
    load(bet("a", 1), now=NOW + HOUR)
    assert differences(prepared) == []


def test_rebuild_removes_bets_that_are_gone_from_the_history(
    load: Load, prepared: Connections, database: psycopg.Connection
) -> None:
    load(bet("a", 1), bet("b", 2))
    database.execute("delete from features.bet_facts_changes where bet_id = 'b'")
    database.execute("delete from ops.seals")
    pass_gates(database)
    run_materialize(prepared, rebuild=True)
    served = store_at(prepared).get_online_features(["bet_facts:amount"], [{"bet_id": "a"}, {"bet_id": "b"}])
    assert [amount is None for amount in served.to_dict()["amount"]] == [False, True]


def test_vector_read_while_runs_publish_is_as_of_a_single_refresh(load: Load, prepared: Connections) -> None:
    """The rows and watermarks of a refresh were written view by view, and a vector read meanwhile mixed two of them."""
    load(bet("a", 1))
    store, now = store_at(prepared), NOW + 3 * HOUR
    service = scorer("market_profitability_at_placement_v1", store=store)
    asked = bet("z", 4) | {"time_placed": now}
    grouped = [f"{view.name}:{view.features[0]}" for view in GROUPED_VIEWS]
    (row,) = entity_rows([asked])
    seen: set[frozenset[Any]] = set()
    done = Event()

    def read() -> None:
        while not done.is_set():
            as_of = service(asked, now=now).as_of
            seen.add(frozenset(as_of[view.name][0] for view in GROUPED_VIEWS))
            told = store.get_online_features(grouped, [row]).to_dict(include_event_timestamps=True)
            seen.add(frozenset(told[f"{name.split(':')[1]}__ts"][0] for name in grouped))

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        try:
            for hour in range(1, 4):
                load(*(bet(f"{hour}-{number}", 1) for number in range(50)), now=NOW + hour * HOUR)
        finally:
            done.set()
        reader.result()
    assert {len(instants) for instants in seen} == {1}
    assert len(seen) > 1
