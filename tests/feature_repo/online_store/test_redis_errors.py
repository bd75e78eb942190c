"""Redis that is down, slow, restarted, emptied, locked or holds something else: one clear error, soon, or none."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from feast.errors import FeastError
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus

from feature_repo import clock
from feature_repo.errors import PikkitError, Unreachable
from feature_repo.servers.connections import Redis
from tests.rigs.online_stores import entity_key, store_of, write
from tests.rigs.redis_servers import Server, Wire, in_time, server

NOW = datetime(2026, 5, 24, 15, tzinfo=UTC)
REQUEST = (["facts:odds"], [{"sport": "NBA"}])
# Commas, quotes, JSON, dollars: what Feast's connection string cannot hold unless it is written as we write it.
PASSWORD = "sec,ret='1e5\"$HOME"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Server]:
    with server(tmp_path) as node:
        yield node


@pytest.fixture
def filled(node: Server, tmp_path: Path) -> Any:
    store = store_of(tmp_path, node.redis)
    fill(store)
    return store


def fill(store: Any) -> None:
    clock.set_now(NOW)
    write(store, "facts", [({"sport": "NBA"}, {"odds": 1.5}, NOW)])


def read(store: Any) -> Any:
    return store.get_online_features(*REQUEST).to_dict()["odds"]


def read_async(store: Any) -> Any:
    return asyncio.run(store.get_online_features_async(*REQUEST)).to_dict()["odds"]


def read_rows(store: Any) -> Any:
    online = store._get_provider().online_store
    (row,) = online.online_read(store.config, store.get_feature_view("facts"), [entity_key(sport="NBA")])
    return [row[1]["odds"].double_val]


def delete(store: Any) -> None:
    store._get_provider().online_store.delete_table(store.config, store.get_feature_view("facts"))


def tear_down(store: Any) -> None:
    store._get_provider().online_store.teardown(store.config, store.list_feature_views(), [])


every_way = pytest.mark.parametrize("act", [read, read_async, read_rows, delete, tear_down])
reading = pytest.mark.parametrize("read", [read, read_async, read_rows])


def refused(act: Callable[[Any], Any], store: Any) -> str:
    """The message of the error that this must raise."""
    with pytest.raises(Unreachable) as raised:
        act(store)
    assert raised.value.exit_code == 4
    assert raised.value.__suppress_context__  # a traceback shows nothing of the client's
    assert raised.value.next_step
    return str(raised.value)


# ---- down ------------------------------------------------------------------------------------------------------------


@every_way
def test_error_of_a_dead_redis_names_the_address(filled: Any, node: Server, act: Any, retry_waits: list[float]) -> None:
    node.stop()
    message = refused(act, filled)
    assert retry_waits == []
    assert f"Redis at 127.0.0.1:{node.port}/0 cannot be reached" in message
    assert "pikkit doctor" in message


def test_redis_trouble_is_caught_as_an_error_of_redis_py_feast_and_pikkit(filled: Any, node: Server) -> None:
    node.stop()
    for kind in (redis.RedisError, FeastError, PikkitError):
        with pytest.raises(kind) as raised:
            read(filled)
    assert raised.value.http_status_code() == 503
    assert "127.0.0.1" in raised.value.to_error_detail()


@pytest.mark.parametrize("read", [read, read_async])
def test_redis_host_that_swallows_packets_is_given_up(tmp_path: Path, read: Any) -> None:
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = full.getsockname()[1]
        for _ in range(3):  # nobody accepts them, and there is room for no more
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        store = store_of(tmp_path, f"127.0.0.1:{port}")
        assert "did not answer within 2.0 s" in refused(read, store)


# ---- slow ------------------------------------------------------------------------------------------------------------


@reading
def test_slow_redis_is_sent_a_read_once_and_times_out(filled: Any, node: Server, tmp_path: Path, read: Any) -> None:
    with Wire(node) as wire:
        store = store_of(tmp_path, f"127.0.0.1:{wire.port},socket_timeout=0.3")
        assert in_time(lambda: read(store)) == [1.5]
        wire.hold()
        assert "did not answer within 0.3 s" in refused(read, store)
        assert wire.release() == 1


def test_late_answer_of_redis_is_never_taken_for_the_next(filled: Any, node: Server, tmp_path: Path) -> None:
    write(filled, "facts", [({"sport": "NFL"}, {"odds": 2.5}, NOW)])
    with Wire(node) as wire:
        store = store_of(tmp_path, f"127.0.0.1:{wire.port},socket_timeout=0.2")
        assert in_time(lambda: read(store)) == [1.5]
        wire.hold()
        refused(read, store)
        wire.release()
        other = in_time(lambda: store.get_online_features(["facts:odds"], [{"sport": "NFL"}]).to_dict())
    assert other["odds"] == [2.5]


def test_connection_string_overrides_the_timeouts(node: Server, tmp_path: Path) -> None:
    def timeouts(connection: str) -> list[Any]:
        store = store_of(tmp_path, connection)
        client = store._get_provider().online_store._get_client(store.config.online_store)
        settings = client.connection_pool.connection_kwargs
        return [settings[name] for name in ("socket_connect_timeout", "socket_timeout")]

    address = f"127.0.0.1:{node.port}"
    assert timeouts(address) == [2.0, 5.0]
    assert timeouts(f"{address},socket_timeout=0.5") == [2.0, 0.5]
    assert timeouts(f"{address},socket_timeout=null,socket_connect_timeout=30") == [30, None]


# ---- restarted -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [read, read_rows])
def test_redis_restart_between_two_reads_is_not_noticed(filled: Any, node: Server, read: Any) -> None:
    with ThreadPoolExecutor(4) as pool:  # so that the pool holds several connections
        assert list(pool.map(read, [filled] * 40)) == [[1.5]] * 40
    node.stop()
    node.start()
    fill(filled)
    assert [read(filled) for _ in range(8)] == [[1.5]] * 8


@pytest.mark.parametrize("read", [read, read_rows])
def test_redis_connection_that_breaks_under_a_read_is_replaced_once(
    filled: Any, node: Server, tmp_path: Path, read: Any
) -> None:
    with Wire(node) as wire:
        store = store_of(tmp_path, f"127.0.0.1:{wire.port}")
        assert read(store) == [1.5]
        wire.broken = True
        assert read(store) == [1.5]
        assert not wire.broken


def test_redis_restart_is_not_noticed_by_asynchronous_reads(filled: Any, node: Server) -> None:
    async def both() -> list[Any]:
        before = await filled.get_online_features_async(*REQUEST)
        await asyncio.to_thread(node.stop)
        await asyncio.to_thread(node.start)
        await asyncio.to_thread(fill, filled)
        return [before, await filled.get_online_features_async(*REQUEST)]

    assert [one.to_dict()["odds"] for one in asyncio.run(both())] == [[1.5], [1.5]]


@reading
def test_redis_that_comes_back_is_read_again(filled: Any, node: Server, read: Any) -> None:
    assert read(filled) == [1.5]
    node.stop()
    refused(read, filled)
    node.start()
    fill(filled)
    assert read(filled) == [1.5]


def test_emptied_redis_gives_not_found(filled: Any, node: Server) -> None:
    node.stop()
    node.start()  # nothing was kept on disk
    response = filled.get_online_features(*REQUEST)
    assert response.to_dict()["odds"] == [None]
    assert [list(vector.statuses) for vector in response.proto.results][-1] == [FieldStatus.NOT_FOUND]


# ---- locked ----------------------------------------------------------------------------------------------------------


@every_way
@pytest.mark.parametrize("given", ["wr0ng", None])
def test_refused_password_is_reported_and_not_shown(tmp_path: Path, act: Any, given: str | None) -> None:
    with server(tmp_path, password=PASSWORD) as node:
        login = f",password={given}" if given else ""
        store = store_of(tmp_path, f"127.0.0.1:{node.port}{login}")
        message = refused(act, store)
        assert "refuses the login" in message
        assert "REDIS_URL" in message
        assert PASSWORD not in message
        assert "wr0ng" not in message


@reading
def test_any_password_opens_redis(tmp_path: Path, read: Any) -> None:
    from urllib.parse import quote

    with server(tmp_path, password=PASSWORD) as node:
        address = Redis(f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{node.port}/0")
        store = store_of(tmp_path, address)
        fill(store)
        assert read(store) == [1.5]
        node.stop()
        assert PASSWORD not in refused(read, store)


@reading
def test_redis_user_without_rights_is_reported(tmp_path: Path, node: Server, filled: Any, read: Any) -> None:
    with node.client() as client:
        client.execute_command("ACL", "SETUSER", "reader", "on", ">pass", "~*", "+ping")
    store = store_of(tmp_path, f"127.0.0.1:{node.port},username=reader,password=pass")
    assert "refuses the login" in refused(read, store)


# ---- something else --------------------------------------------------------------------------------------------------


@every_way
def test_redis_database_that_does_not_exist_is_reported(node: Server, tmp_path: Path, act: Any) -> None:
    store = store_of(tmp_path, f"127.0.0.1:{node.port},db=99")
    assert f"Redis at 127.0.0.1:{node.port}/99" in refused(act, store)


@reading
def test_redis_key_of_another_type_is_reported(filled: Any, node: Server, read: Any) -> None:
    with node.client() as client:
        (key,) = client.keys()
        client.set(key, b"something else")
    assert "answered with an error (" in refused(read, filled)


@reading
@pytest.mark.parametrize("where", ["_ts:facts", "value"])
def test_bytes_that_feast_did_not_write_are_reported(filled: Any, node: Server, read: Any, where: str) -> None:
    with node.client() as client:
        (key,) = client.keys()
        fields = client.hkeys(key)
        field = where if where in str(fields) else next(one for one in fields if not one.startswith(b"_ts:"))
        client.hset(key, field, b"\xff\xff\xff")
    assert "holds something else than Feast writes" in refused(read, filled)
