"""What stands where in Redis: Feast's own layout, byte for byte, and one hash of ours beside it.

one hash per entity     key    serialized join keys, then the project's name (Feast's format, version 3)
                        field  murmur3 of "<view>:<feature>"    Value message; empty for null
                        field  "_ts:<view>"                     Timestamp message: the row's event timestamp
pikkit:marks:<project>  field  "<view>"                         until when every row of the view is asserted
                        field  ""                               whose copy this is

A view whose source re-asserts its rows (feature_repo/sources.py) is not written anew at each refresh: its mark is. What
stands of a key is as old as its row or as the mark, whichever is newer. So a refresh costs what changed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import mmh3
from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TEXT: Final = 2  # ValueType.STRING
_MARK: Final = struct.Struct("<q8s")

# What `decode_plain` returns for a message that it does not read.
NOT_PLAIN: Final = object()

# Where the marks hash notes whose copy it belongs to; no view has this name.
COPY_OF: Final = b""


# ---- keys and fields ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def key_prefix(join_key: str) -> bytes:
    """What the Redis key of an entity with one text key starts with: its value and the project's name follow."""
    name = join_key.encode()
    return struct.pack("<III", 1, _TEXT, len(name)) + name + struct.pack("<I", _TEXT)


def entity_key(prefix: bytes, value: str, project: bytes) -> bytes:
    """The Redis key of an entity with one text key, as `_redis_key` of Feast spells it."""
    text = value.encode()
    return b"%b%b%b%b" % (prefix, struct.pack("<I", len(text)), text, project)


def is_entity_key(key: bytes, join_keys: Sequence[str], project: str) -> bool:
    """Whether a Redis key belongs to an entity with these join keys in exactly this project.

    Feast looks for "prefix, anything, project" and so finds keys of every project whose name ends like this one.
    """
    try:
        return _after_entity(key, sorted(join_keys)) == project.encode()
    except (struct.error, IndexError, UnicodeDecodeError):
        return False


def _after_entity(key: bytes, join_keys: Sequence[str]) -> bytes | None:
    number, *_ = struct.unpack_from("<I", key)
    at, names = 4, []
    for _ in range(number):
        kind, length = struct.unpack_from("<II", key, at)
        names.append(key[at + 8 : at + 8 + length].decode())
        at += 8 + length
        if kind != _TEXT:
            return None
    for _ in range(number):
        _, length = struct.unpack_from("<II", key, at)
        at += 8 + length
    return key[at:] if names == list(join_keys) and at <= len(key) else None


@lru_cache(maxsize=4096)
def feature_field(view: str, feature: str) -> bytes:
    """The hash field of a feature. `view` as Feast names it here: with its version, where versions are kept apart."""
    return struct.pack("<I", mmh3.hash(f"{view}:{feature}", signed=False))


@lru_cache(maxsize=256)
def timestamp_field(view: str) -> bytes:
    """The hash field of a view's event timestamp."""
    return f"_ts:{view}".encode()


# ---- values ------------------------------------------------------------------------------------------------------


def decode(message: bytes | None) -> Any:
    """The Python value of a serialized Value message; None where there is none, or none in it.

    A message of a kind that no view of this repository has is read by Feast, which takes seconds to import.
    """
    value = decode_plain(message)
    return _any(message or b"") if value is NOT_PLAIN else value


def decode_plain(message: bytes | None) -> Any:
    """The same of a double, a text, a 64-bit integer or a boolean; NOT_PLAIN for a message of any other kind.

    Raises IndexError or ValueError for bytes that are none.
    """
    if not message:
        return None
    tag = message[0]
    if tag == 0x29 and len(message) == 9:  # double
        return struct.unpack_from("<d", message, 1)[0]
    if tag == 0x12:  # text
        length, at = varint(message, 1)
        if at + length == len(message):
            return message[at:].decode()
    elif tag == 0x20:  # 64-bit integer
        value, at = varint(message, 1)
        if at == len(message):
            return value - (1 << 64) if value >> 63 else value
    elif tag == 0x38 and len(message) == 2:
        return message[1] != 0
    return NOT_PLAIN


def varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that stands at a position of a protobuf message, and the position after it."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _any(message: bytes) -> Any:
    from feature_repo.feast_internals import Value, feast_value_type_to_python_type

    return feast_value_type_to_python_type(Value.FromString(message))


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 of an aware instant."""
    return (instant - _EPOCH) // _MICROSECOND


def instant_of_microseconds(microseconds: int) -> datetime:
    """The instant of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def encode_instant(microseconds: int) -> bytes:
    """A serialized Timestamp message."""
    seconds, rest = divmod(microseconds, 1_000_000)
    stamp: bytes = Timestamp(seconds=seconds, nanos=rest * 1000).SerializeToString()
    return stamp


def decode_instant(message: bytes | None) -> int | None:
    """Microseconds since 1970 in a serialized Timestamp message; None where there is none."""
    if message is None:
        return None
    stamp: Any = Timestamp.FromString(message)
    microseconds: int = stamp.seconds * 1_000_000 + stamp.nanos // 1000
    return microseconds


# ---- marks -------------------------------------------------------------------------------------------------------


class Mark(NamedTuple):
    """Until when (microseconds since 1970) the rows of a view are asserted, and for which features that holds."""

    asserted_until: int
    features: bytes

    def packed(self) -> bytes:
        """The bytes that stand in Redis."""
        return _MARK.pack(*self)


def marks_key(project: str) -> bytes:
    """The Redis key of the hash of marks."""
    return b"pikkit:marks:" + project.encode()


def unpack_mark(stored: bytes | None) -> Mark | None:
    """The mark in these bytes; None where there is none, or none of ours."""
    return Mark(*_MARK.unpack(stored)) if stored is not None and len(stored) == _MARK.size else None


def features_digest(features: Iterable[tuple[str, str]]) -> bytes:
    """A digest of (name, type) of all features of a view: rows of other features are no copy of it."""
    return blake2b(repr(sorted(features)).encode(), digest_size=8).digest()
