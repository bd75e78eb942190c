"""`pikkit status` tells the truth about a store, in every state a store can be in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import redis
from psycopg import sql

from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import SourceRejected, Unreachable
from feature_repo.servers.connections import Connections, Postgres, Redis
from ingestion.database.access import connect, hold_run_lock
from ingestion.features.refresh import refresh
from ingestion.intake.load import load_rows
from ingestion.runs.record import recorded_run, uuid7
from ingestion.runs.status import Contents, StoreStatus, store_status
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, T0, bet, jsonl, lost
from tests.builders.view_states import all_are

NOBODY = Redis("redis://127.0.0.1:1/0")
Load = Callable[..., None]


@pytest.fixture
def load(connections: Connections, tmp_path: Path) -> Load:
    """Bring bets into the log, and into the features unless told otherwise."""

    def load(*bets: dict[str, object], refreshed: bool = True) -> None:
        file, run_id = open_file(jsonl(tmp_path / "bets.jsonl", *bets)), uuid7()
        with connect(connections.postgres, purpose="test") as database:
            load_rows(database, file, run_id=run_id, now=NOW)
            if refreshed:
                refresh(database, run_id=run_id, now=NOW)

    return load


def contents(connections: Connections, now: datetime = NOW) -> Contents:
    found = store_status(connections, now).contents
    assert found is not None
    return found


def states(connections: Connections, now: datetime, store: str) -> dict[str, str]:
    return {view.name: getattr(view, store).state for view in contents(connections, now).views}


# ---- freshness -----------------------------------------------------------------------------------------------------


def test_nothing_is_fresh_before_the_first_refresh(connections: Connections) -> None:
    assert states(connections, NOW, "offline") == states(connections, NOW, "online") == all_are("never")


def test_status_shows_a_view_fresh_up_to_the_ttl_and_stale_past_the_ttl(connections: Connections, load: Load) -> None:
    load(bet("a"))
    for view in STORED_VIEWS:
        past = states(connections, NOW + view.ttl + timedelta(microseconds=1), "offline")
        assert (states(connections, NOW + view.ttl, "offline")[view.name], past[view.name]) == ("fresh", "stale")


def test_a_view_refreshed_later_than_the_clock_says_is_ahead_and_has_no_age(
    connections: Connections, load: Load
) -> None:
    load(bet("a"))
    view = contents(connections, NOW - timedelta(minutes=10, microseconds=1)).views[0]
    assert (view.offline.state, view.offline.age) == ("ahead", None)
    # As far may the watermark be ahead of the clock that set it: a run takes it, too.
    view = contents(connections, NOW - timedelta(minutes=10)).views[0]
    assert (view.offline.state, view.offline.age) == ("fresh", timedelta(0))


def test_offline_age_in_status_counts_from_the_last_refresh(connections: Connections, load: Load) -> None:
    load(bet("a"))
    view = contents(connections, NOW + timedelta(minutes=12)).views[0]
    assert (view.offline.watermark, view.offline.age) == (NOW, timedelta(minutes=12))


def test_status_without_redis_shows_the_online_views_down_and_the_offline_views(
    connections: Connections, load: Load
) -> None:
    load(bet("a"))
    found = store_status(replace(connections, redis=NOBODY), NOW)
    assert isinstance(found.online, Unreachable)
    assert found.contents is not None
    assert {view.online.state for view in found.contents.views} == {"down"}
    assert {view.offline.state for view in found.contents.views} == {"fresh"}


def test_status_raises_unreachable_when_postgres_does_not_answer(connections: Connections) -> None:
    with pytest.raises(Unreachable, match="nowhere"):
        store_status(replace(connections, postgres=replace(connections.postgres, database="nowhere")), NOW)


def test_status_of_a_store_without_schema_names_pending_migrations(
    connections: Connections, blank_postgres: Postgres
) -> None:
    found = store_status(replace(connections, postgres=blank_postgres), NOW)
    assert (found.contents, found.bytes, "0001_bets" in found.pending) == (None, {}, True)


# ---- how much ------------------------------------------------------------------------------------------------------


def test_status_counts_rows_per_table(connections: Connections, load: Load) -> None:
    load(bet("a", 1), lost("a", 2), bet("b", 1), bet("c", status="?"))
    assert contents(connections).rows == {
        "raw.bet_versions": 4,
        "processed.bet_versions": 3,
        "processed.bets": 2,
        "quarantine.bets": 1,
        "quarantine.bets, open": 1,
        "features.vocabulary": 5,
    }


def test_status_counts_of_keys_and_change_rows_equal_counts_in_the_tables(connections: Connections, load: Load) -> None:
    load(bet("a", 1), lost("a", 2), bet("b", 3, sport="NBA", clv_percentage=1.5), bet("c", 3, status="PENDING"))
    load(bet("d", 4, market=None, clv_percentage=2), lost("b", 5), bet("e", 6, status="SETTLED_VOID", league="L"))
    counted = {}
    with connect(connections.postgres, purpose="test") as database:
        for view in STORED_VIEWS:
            query = sql.SQL("select count(distinct {}), count(*) from {}").format(
                sql.Identifier(view.join_key), sql.Identifier("features", f"{view.name}_changes")
            )
            counted[view.name] = database.execute(query).fetchone()
    assert {view.name: (view.keys, view.change_rows) for view in contents(connections).views} == counted


def test_change_rows_are_those_of_the_newest_version_of_the_definition(connections: Connections, load: Load) -> None:
    load(bet("a", 1))
    with connect(connections.postgres, purpose="test") as database:
        database.execute(
            "insert into features.feature_metadata"
            " select feature, version + 1, view, computation_mode, definition_hash, data_checksum, 70 + record_count,"
            " last_computed_at from features.feature_metadata"
        )
    assert {view.change_rows for view in contents(connections).views if view.name != "bet_closing_line"} == {71}


def test_lag_is_the_versions_past_the_features_log_position(connections: Connections, load: Load) -> None:
    load(bet("a", 1), bet("b", 3), refreshed=False)
    found = contents(connections)
    assert (found.versions_behind, found.newest_known_at) == (2, T0 + timedelta(minutes=3))
    load(bet("c", 4))
    load(bet("d", 5), bet("e", 5), bet("f", 6), refreshed=False)
    assert contents(connections).versions_behind == 3


def test_status_shows_storage_per_schema(connections: Connections, load: Load) -> None:
    before = store_status(connections, NOW).bytes
    load(*(bet(f"b{n}", n, note="x" * 500) for n in range(500)))
    grown = {schema for schema, size in store_status(connections, NOW).bytes.items() if size > before[schema]}
    assert {"raw", "processed", "features"} <= grown
    assert "quarantine" not in grown


def test_status_shows_the_memory_and_keys_of_redis(connections: Connections) -> None:
    with redis.Redis.from_url(connections.redis.url) as client:
        client.set("a feature", "1")
    online = store_status(connections, NOW).online
    assert not isinstance(online, Unreachable)
    assert (online.keys, (online.bytes or 0) > 100_000) == (1, True)


# ---- who and when --------------------------------------------------------------------------------------------------


def test_status_shows_how_the_last_run_ended(connections: Connections) -> None:
    with recorded_run(connections.postgres, "backfill"):
        pass
    with (
        pytest.raises(SourceRejected),
        recorded_run(connections.postgres, "run", source="file:x.csv"),
    ):
        raise SourceRejected("x.csv is empty", "Nothing was done", "Give another", path=Path("x.csv"))
    run = contents(connections).last_run
    assert run is not None
    assert (run.verb, run.state, run.source, run.exit_code) == ("run", "failed", "file:x.csv", 2)
    assert run.error == "x.csv is empty. Nothing was done. Give another."


def test_unfinished_run_is_running_while_the_lock_is_held_and_died_otherwise(connections: Connections) -> None:
    with connect(connections.postgres, purpose="run") as database, recorded_run(connections.postgres, "run"):
        with hold_run_lock(database, "run"):
            assert last_state(store_status(connections, NOW)) == "running"
        assert last_state(store_status(connections, NOW)) == "died"


def test_status_names_the_holder_of_the_run_lock(connections: Connections) -> None:
    assert store_status(connections, NOW).lock_holder is None
    with connect(connections.postgres, purpose="test") as database, hold_run_lock(database, "backfill"):
        assert "pikkit backfill, process" in (store_status(connections, NOW).lock_holder or "")


def last_state(found: StoreStatus) -> str:
    assert found.contents is not None
    assert found.contents.last_run is not None
    return found.contents.last_run.state
