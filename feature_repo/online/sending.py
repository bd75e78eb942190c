"""Many commands to Redis in one round trip, past redis-py's pipeline, which takes longer than the work itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis
from hiredis import pack_command


def is_direct(client: Any) -> bool:
    """Whether one server answers all: a cluster has each key on a server of its own."""
    return type(client) is redis.Redis


def exchange(client: redis.Redis, packed: Sequence[bytes]) -> list[Any]:
    """Send packed commands and return the replies, in order. Raises what redis-py raises, also for one bad reply.

    A connection that turns out to be dead is replaced as the client's own retries say, and all is sent again.
    """
    pool: Any = client.connection_pool
    connection: Any = pool.get_connection()
    try:
        replies: list[Any] = connection.retry.call_with_retry(
            lambda: _exchange(connection, packed), lambda _: connection.disconnect()
        )
        return replies
    except BaseException:
        # Whatever is still on its way would be taken for the answer to the next request.
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def run(client: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The replies to commands, by the fastest way that the client has."""
    if not commands:
        return []
    if is_direct(client):
        return exchange(client, [pack_command(command) for command in commands])
    with client.pipeline(transaction=False) as pipe:
        for command in commands:
            pipe.execute_command(*command)
        replies: list[Any] = pipe.execute()
    return replies


def _exchange(connection: Any, packed: Sequence[bytes]) -> list[Any]:
    connection.send_packed_command([b"".join(packed)])
    return [connection.read_response() for _ in packed]
