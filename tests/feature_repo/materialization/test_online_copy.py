"""What is copied online, and what need not be: a view whose watermark moves on is served like a rewritten one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.clock import stopped_at
from feature_repo.declarations.views import SPORT_STATS
from feature_repo.errors import GateRefused
from feature_repo.materialization.online_copy import CopyTarget, copy_range, copy_runs
from feature_repo.online_store import watermarks
from feature_repo.online_store.layout import (
    entity_key,
    feature_field,
    key_prefix,
    microseconds,
    timestamp_field,
    watermarks_key,
)
from feature_repo.online_store.protobuf import encode_instant
from tests.builders.judgements import judge, record_lineage, seal
from tests.rigs.databases import dumped
from tests.rigs.published_store import FIRST, SECOND, WATERMARK, Published, insert

EVER = datetime(2000, 1, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def target(gated: Any) -> CopyTarget:
    return target_of(gated, "sport_stats")


@pytest.fixture
def client(published: Published) -> Iterator[Any]:
    with redis.Redis.from_url(published.connections.redis.url) as client:
        yield client


def target_of(store: Any, view: str, **more: Any) -> CopyTarget:
    return CopyTarget(store.config, store._get_provider().online_store, store.get_feature_view(view), **more)


def served(store: Any, *sports: str, now: datetime = WATERMARK) -> list[tuple[Any, datetime | None]]:
    """Count and instant of the sports, as anybody gets them who asks at that instant."""
    with stopped_at(now):
        response = store.get_online_features(["sport_stats:sport_count"], [{"sport": sport} for sport in sports])
    answer = response.to_dict(include_event_timestamps=True)
    instants = [datetime.fromtimestamp(at, UTC) if at else None for at in answer["sport_count__ts"]]
    return list(zip(answer["sport_count"], instants, strict=True))


def changed(published: Published, sport: str, count: int, at: datetime, run: UUID | None = None) -> UUID:
    """A row that a run of its own wrote, behind its gate."""
    run = run or uuid4()
    values = dict.fromkeys(SPORT_STATS.features, 0) | {"sport_count": count}
    insert(published.database, "sport_stats", run, at, {"sport": sport} | values)
    judge(published.database, run, "passed")
    seal(published.database, run, "sport_stats")
    record_lineage(published.database, run, "sport_stats")
    return run


def refreshed(published: Published, at: datetime) -> None:
    published.execute("update features.watermark set features_watermark = %s", at)


def test_first_copy_writes_every_group(published: Published, gated: Any, target: CopyTarget) -> None:
    assert copy_range(published.database, target, WATERMARK, WATERMARK) == 3
    assert served(gated, "NBA", "NFL", "NHL", "MLB") == [(1, WATERMARK), (1, WATERMARK), (1, WATERMARK), (None, None)]


def test_second_copy_writes_only_changed_groups(published: Published, gated: Any, target: CopyTarget) -> None:
    copy_range(published.database, target, WATERMARK, WATERMARK)
    changed(published, "NBA", 7, WATERMARK + HOUR)
    refreshed(published, WATERMARK + 2 * HOUR)
    assert copy_range(published.database, target, WATERMARK, WATERMARK + 2 * HOUR) == 1
    assert served(gated, "NBA", "NFL") == [(7, WATERMARK + 2 * HOUR), (1, WATERMARK + 2 * HOUR)]


def test_repeated_copy_writes_nothing(published: Published, target: CopyTarget) -> None:
    copy_range(published.database, target, WATERMARK, WATERMARK)
    assert copy_range(published.database, target, EVER, WATERMARK) == 0
    assert copy_range(published.database, target, EVER, WATERMARK - DAY) == 0
    assert target.online_watermark == WATERMARK


def test_online_watermark_is_not_set_past_the_features_watermark(published: Published, target: CopyTarget) -> None:
    copy_range(published.database, target, WATERMARK, WATERMARK + DAY)
    assert target.online_watermark == WATERMARK


def test_copy_of_a_range_after_the_watermark_writes_nothing(published: Published, target: CopyTarget) -> None:
    assert copy_range(published.database, target, WATERMARK + HOUR, WATERMARK + DAY) == 0
    assert target.online_watermark is None


def test_copy_up_to_an_earlier_instant_serves_the_rows_of_then(
    published: Published, gated: Any, target: CopyTarget
) -> None:
    changed(published, "NBA", 7, WATERMARK - HOUR / 2)
    then = WATERMARK - 2 * HOUR
    copy_range(published.database, target, EVER, then)
    assert served(gated, "NBA", now=then) == [(1, then)]
    copy_range(published.database, target, EVER, WATERMARK)
    assert served(gated, "NBA") == [(7, WATERMARK)]


def test_store_without_a_refresh_copies_nothing(published: Published, target: CopyTarget) -> None:
    published.execute("delete from features.watermark")
    assert copy_range(published.database, target, EVER, WATERMARK) == 0
    assert target.online_watermark is None


def test_emptied_redis_is_filled_anew(published: Published, gated: Any, target: CopyTarget, client: Any) -> None:
    copy_range(published.database, target, WATERMARK, WATERMARK)
    client.flushdb()
    assert copy_range(published.database, target, WATERMARK, WATERMARK) == 3
    assert served(gated, "NBA") == [(1, WATERMARK)]


def test_online_watermark_written_for_a_different_feature_list_is_ignored(
    published: Published, gated: Any, target: CopyTarget
) -> None:
    copy_range(published.database, target, WATERMARK, WATERMARK)
    target.view.features = target.view.features[:-1]
    assert target.online_watermark is None
    assert copy_range(published.database, target, WATERMARK, WATERMARK) == 3


def test_overwriting_copy_restores_a_forged_row(published: Published, gated: Any, target: CopyTarget) -> None:
    changed(published, "NBA", 7, WATERMARK)
    copy_range(published.database, target, WATERMARK, WATERMARK)
    published.execute("delete from features.sport_stats_changes where event_timestamp = %s", WATERMARK)
    assert copy_range(published.database, target, EVER, WATERMARK) == 0
    copy_range(published.database, target._replace(overwrite=True), EVER, WATERMARK)
    assert served(gated, "NBA") == [(1, WATERMARK)]


def test_whole_copy_removes_groups_that_are_gone(
    published: Published, gated: Any, target: CopyTarget, client: Any
) -> None:
    copy_range(published.database, target, WATERMARK, WATERMARK)
    copy_range(published.database, target_of(gated, "institution_stats"), WATERMARK, WATERMARK)
    published.execute("delete from features.sport_stats_changes where sport = 'NFL'")
    copy_range(published.database, target._replace(overwrite=True), EVER, WATERMARK, whole=True)
    assert served(gated, "NBA", "NFL", "NHL") == [(1, WATERMARK), (None, None), (1, WATERMARK)]
    assert len([key for key in client.scan_iter() if key != watermarks_key("pikkit")]) == 3


def test_keys_of_bets_expire_and_keys_of_groups_do_not(
    published: Published, gated: Any, target: CopyTarget, client: Any
) -> None:
    copy_range(published.database, target, WATERMARK, WATERMARK)
    copy_range(published.database, target_of(gated, "bet_facts"), WATERMARK - DAY, WATERMARK)
    lives = {key[-14:]: client.ttl(key) for key in client.scan_iter() if key != watermarks_key("pikkit")}
    assert len(lives) == 4
    assert sorted(life > 0 for life in lives.values()) == [False, False, False, True]
    assert max(lives.values()) <= gated.config.online_store.key_ttl_seconds


def test_range_copy_of_bet_facts_copies_only_bets_with_an_instant_in_the_range(
    published: Published, gated: Any
) -> None:
    facts = target_of(gated, "bet_facts")
    assert copy_range(published.database, facts, WATERMARK - HOUR, WATERMARK) == 0
    assert copy_range(published.database, facts, WATERMARK - 2 * HOUR, WATERMARK) == 1
    assert facts.online_watermark is None


def test_copy_runs_writes_only_the_rows_of_these_runs(published: Published, gated: Any, target: CopyTarget) -> None:
    assert copy_runs(published.database, target, []) == 0
    assert copy_runs(published.database, target, [SECOND]) == 1
    assert served(gated, "NBA", "NFL") == [(1, WATERMARK - HOUR), (None, None)]
    assert copy_runs(published.database, target, [FIRST, SECOND]) == 2
    assert copy_runs(published.database, target, [FIRST, SECOND], since=WATERMARK) == 0
    assert served(gated, "NBA", "NFL")[0] == (1, WATERMARK - HOUR)
    assert target.online_watermark is None


def test_feast_materialize_sets_the_online_watermark(published: Published, gated: Any, target: CopyTarget) -> None:
    gated.materialize(WATERMARK - DAY, WATERMARK)
    assert target.online_watermark == WATERMARK
    assert served(gated, "NHL") == [(1, WATERMARK)]


def test_outdated_row_written_by_hand_is_not_served_as_current(published: Published, gated: Any) -> None:
    import pandas as pd

    outdated = WATERMARK - 10 * DAY
    gated.materialize(WATERMARK - DAY, WATERMARK, feature_views=["sport_stats"])
    with redis.Redis.from_url(published.connections.redis.url) as client:
        for key in client.scan_iter(match=b"*NBA*"):
            client.delete(key)
    row = {"sport": "NBA", "event_timestamp": outdated, "created_timestamp": outdated} | dict.fromkeys(
        SPORT_STATS.features, 1
    )
    gated.write_to_online_store("sport_stats", pd.DataFrame([row]).astype({"sport_count": "int64"}))
    assert served(gated, "NBA") == [(None, None)]


def test_recorded_store_of_a_copy_is_kept_per_project(client: Any) -> None:
    assert watermarks.copy_of(client, "pikkit") is None
    watermarks.set_copy_of(client, "pikkit", "this one")
    watermarks.set_copy_of(client, "dev_pikkit", "that one")
    assert watermarks.copy_of(client, "pikkit") == "this one"


def test_failing_redis_leaves_the_database_session_usable(
    published: Published, target: CopyTarget, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feature_repo.online_store.write._BATCH", 1)
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(redis.RedisError), published.database.transaction():
            copy_range(published.database, target, WATERMARK, WATERMARK)
        with pytest.raises(redis.RedisError), published.database.transaction():
            copy_runs(published.database, target, [FIRST, SECOND])
    finally:
        client.config_set("maxmemory", 0)
    assert published.database.execute("select 1").fetchone() == (1,)
    assert target.online_watermark is None


def test_feast_materialize_discards_watermarks_of_another_store(
    published: Published, gated: Any, target: CopyTarget, client: Any
) -> None:
    copy_range(published.database, target, WATERMARK, WATERMARK)
    key = entity_key(key_prefix("sport"), "NBA", b"pikkit")
    client.hset(key, mapping={timestamp_field("sport_stats"): encode_instant(microseconds(WATERMARK))})
    client.hset(key, feature_field("sport_stats", "sport_count"), b"\x20\x09")
    assert served(gated, "NBA") == [(9, WATERMARK)]
    watermarks.set_copy_of(client, "pikkit", "another store")
    gated.materialize(WATERMARK - DAY, WATERMARK, feature_views=["sport_stats"])
    assert served(gated, "NBA") == [(1, WATERMARK)]
    assert watermarks.copy_of(client, "pikkit") is None


def test_refused_feast_materialize_keeps_the_copy_of_another_store(
    published: Published, gated: Any, target: CopyTarget, client: Any
) -> None:
    copy_range(published.database, target, WATERMARK, WATERMARK)
    watermarks.set_copy_of(client, "pikkit", "another store")
    before = dumped(client)
    published.execute("update features.sport_stats_changes set sport_count = 99")
    with pytest.raises(GateRefused):
        gated.materialize(WATERMARK - DAY, WATERMARK, feature_views=["sport_stats"])
    assert dumped(client) == before


def test_copy_removes_the_expiry_of_a_group(published: Published, target: CopyTarget, client: Any) -> None:
    copy_range(published.database, target, WATERMARK, WATERMARK)
    keys = [key for key in client.scan_iter() if key != watermarks_key("pikkit")]
    for key in keys:
        client.expire(key, 1000)
    copy_range(published.database, target._replace(overwrite=True), WATERMARK, WATERMARK)
    assert {client.ttl(key) for key in keys} == {-1}


def test_precomputed_vectors_are_not_served(published: Published, gated: Any, client: Any) -> None:
    from feast import FeatureService

    service = FeatureService(name="stats", features=[gated.get_feature_view("sport_stats")], precompute_online=True)
    gated.apply([service])
    gated.materialize(WATERMARK - DAY, WATERMARK)
    changed(published, "NBA", 7, WATERMARK + HOUR)
    refreshed(published, WATERMARK + 2 * HOUR)
    copy_range(published.database, target_of(gated, "sport_stats"), WATERMARK, WATERMARK + 2 * HOUR)
    for hours, count in ((2, 7), (30, None)):
        with stopped_at(WATERMARK + HOUR * hours):
            response = gated.get_online_features(
                gated.get_feature_service("stats"), [{"sport": "NBA"}], full_feature_names=True
            )
        assert response.to_dict()["sport_stats__sport_count"] == [count]


COPIES = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.sampled_from(["NBA", "NFL"]), st.integers(1, 9)),
        st.tuples(st.just("refresh"), st.integers(1, 30)),
        st.tuples(st.just("copy"), st.integers(-3, 40)),
        st.tuples(st.just("copy runs")),
        st.tuples(st.just("lose")),
    ),
    max_size=12,
)


@settings(max_examples=25)
@given(steps=COPIES, later=st.integers(0, 50))
def test_served_values_are_those_that_held_at_the_last_copy(
    published: Published, gated: Any, target: CopyTarget, client: Any, steps: list[Any], later: int
) -> None:
    published.execute("delete from features.sport_stats_changes")
    client.flushdb()
    watermark, copied, history, fresh_runs = WATERMARK, None, [], []
    refreshed(published, watermark)
    pending: list[tuple[str, int]] = []
    for step, *values in steps:
        if step == "change":
            pending.append((values[0], values[1]))
        elif step == "refresh":
            for number, (sport, count) in enumerate(pending, 1):
                at = watermark + timedelta(microseconds=number)
                fresh_runs.append(changed(published, sport, count, at))
                history.append((sport, at, count))
            pending.clear()
            watermark += HOUR * values[0]
            refreshed(published, watermark)
        elif step == "copy":
            until = min(WATERMARK + HOUR * values[0], watermark)
            copy_range(published.database, target, EVER, WATERMARK + HOUR * values[0])
            if copied is None or until > copied:
                copied = until
            fresh_runs = [] if copied == watermark else fresh_runs
        elif step == "copy runs":
            # As the pipeline does it: where all before stands there.
            if copied is not None:
                copy_runs(published.database, target, fresh_runs)
                target.set_watermark(watermark)
                copied, fresh_runs = watermark, []
        else:
            client.flushdb()
            copied = None
    now = watermark + HOUR * later
    for sport in ("NBA", "NFL"):
        known = [(at, count) for name, at, count in history if name == sport and copied is not None and at <= copied]
        if not known or copied is None:
            expected: tuple[Any, Any] = (None, None)
        else:
            count = max(known)[1]
            expected = (count if now - copied <= DAY else None, copied)
        assert served(gated, sport, now=now) == [expected]
