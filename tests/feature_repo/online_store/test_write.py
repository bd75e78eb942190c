"""Which rows reach Redis, and for how long they stay. What reads them back is tested by test_read.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from hiredis import pack_command
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.online_store import round_trip
from feature_repo.online_store import write as writing
from feature_repo.online_store.layout import feature_field, timestamp_field
from feature_repo.online_store.protobuf import decode_instant
from feature_repo.online_store.round_trip import WriteBuffer
from feature_repo.online_store.write import Stored, write_online_rows
from feature_repo.servers.connections import Connections

FEATURES = ["a", "b"]


@pytest.fixture(scope="module")
def client(servers: Connections) -> Iterator[Any]:
    with redis.Redis.from_url(servers.redis.url.removesuffix("/0") + "/0") as client:
        yield client
        client.flushdb()


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_BATCH", 3)


def put(client: Any, *rows: tuple[str, int, bytes], overwrite: bool = False, expire: int | None = None) -> int:
    stored = [Stored(key.encode(), instant, [value, b""]) for key, instant, value in rows]
    return write_online_rows(client, "view", FEATURES, stored, overwrite=overwrite, expire=expire)


def standing(client: Any, key: str) -> tuple[int | None, Any]:
    stamp, value = client.hmget(key, timestamp_field("view"), feature_field("view", "a"))
    return decode_instant(stamp), value


def test_online_row_is_written_with_the_event_timestamp(client: Any) -> None:
    client.flushdb()
    assert put(client, ("x", 5_000_001, b"1")) == 1
    assert standing(client, "x") == (5_000_001, b"1")
    assert client.hget("x", feature_field("view", "b")) == b""
    assert client.ttl("x") == -1


def test_online_row_older_than_the_stored_row_is_left_out(client: Any) -> None:
    client.flushdb()
    put(client, ("x", 9, b"new"))
    assert put(client, ("x", 8, b"old")) == 0
    assert standing(client, "x") == (9, b"new")


def test_online_row_of_the_stored_instant_replaces_the_values(client: Any) -> None:
    client.flushdb()
    put(client, ("x", 9, b"wrong"))
    assert put(client, ("x", 9, b"right")) == 1
    assert standing(client, "x") == (9, b"right")


def test_overwriting_writes_older_rows_too(client: Any) -> None:
    client.flushdb()
    put(client, ("x", 9, b"new"))
    assert put(client, ("x", 8, b"old"), overwrite=True) == 1
    assert standing(client, "x") == (8, b"old")


def test_key_with_an_expiry_leaves_redis(client: Any) -> None:
    client.flushdb()
    put(client, ("x", 9, b"1"), expire=100)
    assert 0 < client.ttl("x") <= 100


def test_views_share_the_hash_of_an_entity(client: Any) -> None:
    client.flushdb()
    put(client, ("x", 9, b"1"))
    write_online_rows(client, "other", ["a"], [Stored(b"x", 1, [b"2"])], overwrite=False, expire=None)
    assert standing(client, "x") == (9, b"1")
    assert client.hget("x", feature_field("other", "a")) == b"2"


def test_write_of_no_rows_sends_nothing(client: Any) -> None:
    assert put(client) == 0


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.booleans(), st.lists(st.tuples(st.sampled_from("xyz"), st.integers(1, 4)), max_size=9)), max_size=4
    )
)
def test_newest_row_of_a_key_stays_in_any_order_of_writes(
    client: Any, loads: list[tuple[bool, list[tuple[str, int]]]]
) -> None:
    client.flushdb()
    newest: dict[str, tuple[int, bytes]] = {}
    number = 0
    for overwrite, rows in loads:
        given_rows = []
        for key, instant in rows:
            number += 1
            given_rows.append((key, instant, str(number).encode()))
        put(client, *given_rows, overwrite=overwrite)
        # The oracle: row by row, within a load the newest first of all.
        for start in range(0, len(given_rows), 3):
            batch: dict[str, tuple[int, bytes]] = {}
            for key, instant, value in given_rows[start : start + 3]:
                if key not in batch or batch[key][0] <= instant:
                    batch[key] = (instant, value)
            for key, row in batch.items():
                if overwrite or key not in newest or newest[key][0] <= row[0]:
                    newest[key] = row
    assert {key: standing(client, key) for key in "xyz"} == {key: newest.get(key, (None, None)) for key in "xyz"}


def buffered(buffer: WriteBuffer, *rows: tuple[str, int, bytes]) -> int:
    stored = [Stored(key.encode(), instant, [value, b""]) for key, instant, value in rows]
    return write_online_rows(buffer._client, "view", FEATURES, stored, overwrite=False, expire=None, buffer=buffer)


def test_write_buffer_becomes_visible_at_once_when_flushed(client: Any) -> None:
    client.flushdb()
    put(client, ("x", 9, b"old"), ("y", 9, b"old"))
    buffer, executed = WriteBuffer(client), transactions(client)
    assert buffered(buffer, *((key, 10, b"new") for key in "xyzabc")) == 6
    assert (standing(client, "x"), standing(client, "z")) == ((9, b"old"), (None, None))
    buffer.flush()
    assert buffer.is_one_transaction
    assert transactions(client) == executed + 1
    assert [standing(client, key) for key in "xyzabc"] == [(10, b"new")] * 6


def test_write_buffer_with_more_than_a_transaction_may_hold_is_written_in_parts_and_whole(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.flushdb()
    monkeypatch.setattr(round_trip, "LONGEST_TRANSACTION", 8)
    buffer, executed = WriteBuffer(client), transactions(client)
    buffered(buffer, *((key, 10, b"new") for key in "xyzabc"))
    buffer.flush()
    assert not buffer.is_one_transaction
    assert transactions(client) == executed
    assert [standing(client, key) for key in "xyzabc"] == [(10, b"new")] * 6


def test_transaction_with_a_command_that_fails_raises_the_error(client: Any) -> None:
    client.flushdb()
    client.set("text", "no hash")
    commands = [pack_command(("HSET", "x", "a", "1")), pack_command(("HGET", "text", "a"))]
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        round_trip.transact(client, commands)
    assert round_trip.run_commands(client, [("PING",)]) == [b"PONG"]


def transactions(client: Any) -> int:
    """How many transactions the server has run."""
    return int(client.info("commandstats").get("cmdstat_exec", {}).get("calls", 0))
