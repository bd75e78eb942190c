"""Many commands to Redis in one round trip, past redis-py's pipeline, which takes longer than the work itself.

Where one server answers all, a vector is read as of one instant, and a refresh appears at once: both are transactions
(MULTI, EXEC). A long one keeps everybody else waiting, so there is a limit; beyond it commands run in their order, with
those of others between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import redis
from feast.infra.online_stores.redis import RedisOnlineStore
from hiredis import pack_command

from feature_repo.feast_internals import read_hash_fields, redis_client_of

# What Redis answers to the read of a hash: the value of each field, None where there is none.
Reply = Sequence[bytes | None]

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


# ---- reads of hashes -------------------------------------------------------------------------------------------------
# With everything but the keys packed beforehand: redis-py packs each command of a pipeline anew, which is most of what
# reading a hundred bets takes.


class PackedFields(NamedTuple):
    """Fields of a hash, and the bytes of an HMGET of them before and after the key."""

    names: list[str | bytes]
    head: bytes
    tail: bytes


class HashRead(NamedTuple):
    """An HMGET of some fields of one key."""

    key: bytes
    fields: PackedFields

    def packed(self) -> bytes:
        """The command as it is sent."""
        key, (_, head, tail) = self
        return b"%b$%d\r\n%b\r\n%b" % (head, len(key), key, tail)


def packed_fields(names: Sequence[str | bytes]) -> PackedFields:
    """These fields, packed."""
    encoded = [name if isinstance(name, bytes) else name.encode() for name in names]
    tail = b"".join(b"$%d\r\n%b\r\n" % (len(name), name) for name in encoded)
    return PackedFields(list(names), b"*%d\r\n$5\r\nHMGET\r\n" % (len(encoded) + 2), tail)


def read_hashes(online: RedisOnlineStore, config: Any, reads: Sequence[HashRead]) -> Sequence[Reply]:
    """The replies to the reads, in order; from one server, all from one instant. Raises what redis-py raises."""
    client: Any = None if config.online_store.client != "redis" else redis_client_of(online, config)
    if is_direct(client):
        return read_at_once(client, [read.packed() for read in reads])
    # A cluster, and Glide, which has no connections to write to, go Feast's way.
    replies: Any = read_hash_fields(online, config, [(read.key, read.fields.names) for read in reads])
    return list(replies)


# ---- writes ----------------------------------------------------------------------------------------------------------


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


class WriteBuffer:
    """Writes to Redis that readers are to see all at once.

    They are held back until `flush`, and go as one transaction. Where that cannot be, since there is no single server
    or there are more commands than one transaction may hold, they go in the order in which they came, in several parts.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._commands: list[tuple[Any, ...]] = []
        self.is_one_transaction = is_direct(client)

    def add(self, commands: Sequence[tuple[Any, ...]]) -> None:
        """Take commands, each with its key first behind its name."""
        self._commands += commands
        if not self.is_one_transaction or len(self._commands) > LONGEST_TRANSACTION:
            self.is_one_transaction = False
            self._send_parts()

    def flush(self) -> None:
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
