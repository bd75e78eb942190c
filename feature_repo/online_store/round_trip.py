"""Many commands to Redis in one round trip, past redis-py's pipeline, which takes longer than the work itself.

Where one server answers all, a vector is read as of one instant, and a refresh appears at once: both are transactions
(MULTI, EXEC). A long one keeps everybody else waiting, so there is a limit; beyond it commands run in their order, with
those of others between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import redis
from hiredis import pack_command

# Commands that one transaction holds at most. The server does nothing else meanwhile: as many rows of ten features as
# that keep another client waiting for 20 to 30 ms (10,000 rows, on the machine of benchmarks/RESULTS.md).
LONGEST_TRANSACTION: Final = 20_000

_MULTI: Final = pack_command(("MULTI",))
_EXEC: Final = pack_command(("EXEC",))


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


def read_at_once(client: redis.Redis, packed: Sequence[bytes]) -> list[Any]:
    """The replies to packed commands, all from one instant of the server unless they are very many. Raises as above."""
    if not 1 < len(packed) <= LONGEST_TRANSACTION:
        return exchange(client, packed)
    return transact(client, packed)


def transact(client: redis.Redis, packed: Sequence[bytes]) -> list[Any]:
    """The replies to packed commands that the server runs as one. Raises as above; a command refused undoes all."""
    replies: list[Any] = exchange(client, [_MULTI, *packed, _EXEC])[-1]
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


def run_commands(client: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
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


class Outbox:
    """Writes to Redis that readers are to see all at once.

    They are held back until `send`, and go as one transaction. Where that cannot be, since there is no single server or
    there are more commands than one transaction may hold, they go in the order in which they came, in several parts.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._commands: list[tuple[Any, ...]] = []
        self.is_one_transaction = is_direct(client)

    def add(self, commands: Sequence[tuple[Any, ...]]) -> None:
        """Take commands, the key of each standing first behind its name."""
        self._commands += commands
        if not self.is_one_transaction or len(self._commands) > LONGEST_TRANSACTION:
            self.is_one_transaction = False
            self._send_parts()

    def send(self) -> None:
        """Send what is held back. Raises what redis-py raises."""
        if self.is_one_transaction and self._commands:
            transact(self._client, [pack_command(command) for command in self._commands])
            self._commands = []
        self._send_parts()

    def _send_parts(self) -> None:
        run_commands(self._client, self._commands)
        self._commands = []


def _exchange(connection: Any, packed: Sequence[bytes]) -> list[Any]:
    connection.send_packed_command([b"".join(packed)])
    return [connection.read_response() for _ in packed]
