"""The scorer on a Redis that dies, comes back, or holds what it should not; and what the scorer asks of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from feast import FeatureService, FeatureStore

from feature_repo import clock, scorer
from feature_repo.errors import Unreachable
from feature_repo.online_store.layout import entity_key, key_prefix
from feature_repo.scoring import Scorer, ValueStatus
from tests.feature_repo.conftest import bet
from tests.rigs import online_stores
from tests.rigs.redis_servers import Server, Wire, cluster, in_time, sentinel, server

NOW = datetime(2026, 5, 24, 15, tzinfo=UTC)
NBA, MLS = bet("NBA", None, None, None), bet("MLS", None, None, None)
SERVICE = "sports"


@pytest.fixture(autouse=True)
def _at_noon() -> None:
    clock.set_now(NOW)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Server]:
    with server(tmp_path) as one:
        yield one


@pytest.fixture
def store(own_redis: Server, tmp_path: Path) -> FeatureStore:
    return filled(tmp_path, own_redis)


@pytest.fixture
def score(store: FeatureStore) -> Scorer:
    return scorer(SERVICE, store=store)


def filled(home: Path, one: Server, **configuration: Any) -> FeatureStore:
    """A store with one row of each sport, in two views of which one is re-asserted."""
    store = online_stores.store_of(home, configuration.pop("connection", one.redis), **configuration)
    store.apply(
        [FeatureService(name=SERVICE, features=[store.get_feature_view("stats"), store.get_feature_view("facts")])]
    )
    for number, sport in enumerate(("NBA", "MLS"), start=1):
        stats = {"win_rate": number / 2, "count": number, "label": sport}
        facts = {"odds": number / 4, "live": True, "seen_at": NOW, "raw": b"\x00\xff"}
        online_stores.write(store, "stats", [({"sport": sport}, stats, NOW - timedelta(days=3))])
        online_stores.write(store, "facts", [({"sport": sport}, facts, NOW - timedelta(hours=1))])
    online_stores.write_watermark(one.redis, "bets", "stats", NOW)
    return store


WANTED = [(0.5, 1, "NBA", 0.25, True, NOW, b"\x00\xff"), (1.0, 2, "MLS", 0.5, True, NOW, b"\x00\xff")]


def test_scorer_reads_values_of_every_type(score: Scorer) -> None:
    assert score([NBA, MLS]).rows == WANTED


# ---- what is asked of Redis ----------------------------------------------------------------------------------------


def test_scorer_reads_each_entity_once_and_the_watermarks_once(score: Scorer, own_redis: Server) -> None:
    with own_redis.client() as client:
        client.config_resetstat()
        score([NBA, MLS, NBA, NBA])
        calls = {name: told["calls"] for name, told in client.info("commandstats").items()}
    assert calls["cmdstat_hmget"] == 3
    assert not {"cmdstat_hgetall", "cmdstat_hget", "cmdstat_get"} & calls.keys()


def test_scorer_sends_all_commands_in_a_single_write(score: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    score(NBA)
    sent: list[Any] = []
    send = redis.Connection.send_packed_command
    monkeypatch.setattr(
        redis.Connection,
        "send_packed_command",
        lambda self, packed, **more: (sent.append(packed), send(self, packed, **more)),
    )
    assert score([NBA, MLS]).rows == WANTED
    assert [len(re.findall(rb"HMGET", b"".join(one))) for one in sent] == [3]


# ---- servers that go and come back ---------------------------------------------------------------------------------


def test_scorer_does_not_notice_a_redis_restart_between_two_bets(
    store: FeatureStore, score: Scorer, own_redis: Server, tmp_path: Path
) -> None:
    assert score(NBA).rows == WANTED[:1]
    own_redis.stop()
    own_redis.start()
    assert set(score(NBA).statuses["count"]) == {ValueStatus.NOT_FOUND}  # it came back empty
    filled(tmp_path, own_redis)
    assert score([NBA, MLS]).rows == WANTED


def test_scorer_reopens_a_connection_that_was_cut(score: Scorer, own_redis: Server) -> None:
    score(NBA)
    with own_redis.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert score([NBA, MLS]).rows == WANTED


def test_scorer_reopens_a_connection_that_is_cut_under_a_request(
    score: Scorer, own_redis: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(NBA)
    get = redis.ConnectionPool.get_connection

    def cut_at_once(self: Any, *args: Any, **more: Any) -> Any:
        monkeypatch.setattr(redis.ConnectionPool, "get_connection", get)
        connection = get(self, *args, **more)
        with own_redis.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        return connection

    monkeypatch.setattr(redis.ConnectionPool, "get_connection", cut_at_once)
    assert score([NBA, MLS]).rows == WANTED


def test_dead_redis_is_an_error_at_once_and_scoring_goes_on_when_up_again(
    score: Scorer, own_redis: Server, tmp_path: Path, retry_waits: list[float]
) -> None:
    score(NBA)
    own_redis.stop()
    with pytest.raises(Unreachable, match=rf"Redis at 127\.0\.0\.1:{own_redis.port}/0 cannot be reached"):
        score(NBA)
    assert retry_waits == []
    own_redis.start()
    filled(tmp_path, own_redis)
    assert score([NBA, MLS]).rows == WANTED


def test_late_answer_of_a_hanging_redis_is_never_scored(store: FeatureStore, own_redis: Server, tmp_path: Path) -> None:
    with Wire(own_redis) as wire:
        score = scorer(SERVICE, store=online_stores.store_of(tmp_path, f"127.0.0.1:{wire.port},socket_timeout=0.3"))
        in_time(lambda: score(MLS))
        wire.hold()
        with pytest.raises(Unreachable, match=r"did not answer within 0\.3 s"):
            score(MLS)
        wire.release()
        assert in_time(lambda: score([NBA, MLS])).rows == WANTED


def test_scoring_a_key_that_is_no_hash_is_an_error_and_the_next_answer_is_right(
    score: Scorer, own_redis: Server, tmp_path: Path
) -> None:
    with own_redis.client() as client:
        key = entity_key(key_prefix("sport"), "NBA", b"bets")
        client.set(key, "?")
        with pytest.raises(Unreachable, match="WRONGTYPE"):
            score([NBA, MLS])
        client.delete(key)
    assert score([MLS]).rows == WANTED[1:]


def test_interrupt_under_a_scoring_read_leaves_no_answer_behind(
    score: Scorer, own_redis: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(NBA)
    read = redis.Connection.read_response

    def interrupted(self: Any, *args: Any, **more: Any) -> Any:
        monkeypatch.setattr(redis.Connection, "read_response", read)
        raise KeyboardInterrupt

    with own_redis.client() as client:
        client.execute_command("CLIENT", "PAUSE", 300, "ALL")
    monkeypatch.setattr(redis.Connection, "read_response", interrupted)
    with pytest.raises(KeyboardInterrupt):
        score(MLS)
    # The answer about MLS comes while this one is awaited.
    assert score(NBA).rows == WANTED[:1]


def test_scoring_error_shows_no_password(tmp_path: Path) -> None:
    with server(tmp_path, password="hush") as one:
        store = filled(tmp_path, one)
        score = scorer(SERVICE, store=store)
        with one.client() as client:
            client.config_set("requirepass", "other")
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        with pytest.raises(Unreachable, match="refuses the login") as refused:
            score(NBA)
    assert "hush" not in str(refused.value)


def test_scorer_reads_a_cluster(tmp_path: Path) -> None:
    with cluster(tmp_path) as one:
        connection = one.redis.feast_connection_string.replace(",db=0", "")
        store = filled(tmp_path, one, connection=connection, redis_type="redis_cluster")
        assert scorer(SERVICE, store=store)([NBA, MLS]).rows == WANTED


def test_scorer_reads_a_server_behind_a_sentinel(own_redis: Server, tmp_path: Path) -> None:
    with sentinel(tmp_path, own_redis, name="main") as port:
        connection = f"127.0.0.1:{port},db=0"
        store = filled(tmp_path, own_redis, connection=connection, redis_type="redis_sentinel", sentinel_master="main")
        assert scorer(SERVICE, store=store)([NBA, MLS]).rows == WANTED
