"""HMGETs of many keys in one round trip, with everything but the keys packed beforehand.

redis-py packs each command of a pipeline anew, which is most of what reading a hundred bets takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from feast.infra.online_stores.redis import RedisOnlineStore

from feature_repo.feast_internals import read_hash_fields, redis_client_of
from feature_repo.online_store.read import Reply
from feature_repo.online_store.round_trip import is_direct, read_at_once


class PackedFields(NamedTuple):
    """Fields of a hash, and the bytes of an HMGET of them before and after the key."""

    names: list[str | bytes]
    head: bytes
    tail: bytes


class Command(NamedTuple):
    """An HMGET of some fields of one key."""

    key: bytes
    fields: PackedFields

    def packed(self) -> bytes:
        """The command as it is sent."""
        key, (_, head, tail) = self
        return b"%b$%d\r\n%b\r\n%b" % (head, len(key), key, tail)


def fields(names: Sequence[str | bytes]) -> PackedFields:
    """These fields, packed."""
    encoded = [name if isinstance(name, bytes) else name.encode() for name in names]
    tail = b"".join(b"$%d\r\n%b\r\n" % (len(name), name) for name in encoded)
    return PackedFields(list(names), b"*%d\r\n$5\r\nHMGET\r\n" % (len(encoded) + 2), tail)


def send(online: RedisOnlineStore, config: Any, commands: Sequence[Command]) -> Sequence[Reply]:
    """The replies to the commands, in order; from one server, all from one instant. Raises what redis-py raises."""
    client: Any = None if config.online_store.client != "redis" else redis_client_of(online, config)
    if is_direct(client):
        return read_at_once(client, [one.packed() for one in commands])
    # A cluster, and Glide, which has no connections to write to, go Feast's way.
    replies: Any = read_hash_fields(online, config, [(one.key, one.fields.names) for one in commands])
    return list(replies)
