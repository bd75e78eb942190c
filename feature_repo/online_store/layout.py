"""What stands where in Redis: Feast's own layout, byte for byte, and one hash of ours beside it.

one hash per entity     key    serialized join keys, then the project's name (Feast's format, version 3)
                        field  murmur3 of "<view>:<feature>"    Value message; empty for null
                        field  "_ts:<view>"                     Timestamp message: the row's event timestamp
pikkit:marks:<project>  field  "<view>"                         the watermark of the view
                        field  ""                               whose copy this is

A view whose rows are carried forward (feature_repo/sources.py) is not written anew at each refresh: its watermark is.
What stands of a key is as old as its row or as the watermark, whichever is newer (freshness.py). So a refresh costs
what changed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

import mmh3

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TEXT: Final = 2  # ValueType.STRING
_WATERMARK: Final = struct.Struct("<q8s")

# The field that says whose copy the hash of watermarks belongs to; no view has this name.
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


# ---- instants ------------------------------------------------------------------------------------------------------


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 of an aware instant."""
    return (instant - _EPOCH) // _MICROSECOND


def instant_of_microseconds(microseconds: int) -> datetime:
    """The instant of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


# ---- watermarks ----------------------------------------------------------------------------------------------------


class OnlineWatermark(NamedTuple):
    """The online watermark of one view: every row of the view in Redis holds up to this instant."""

    #: Microseconds since 1970.
    instant: int
    #: The digest (`features_digest`) of the features that the rows were copied with.
    features: bytes

    def packed(self) -> bytes:
        """As Redis keeps it: the instant as a little-endian 64-bit integer, then the 8 bytes of the digest."""
        return _WATERMARK.pack(*self)


def watermarks_key(project: str) -> bytes:
    """The Redis key of the hash of watermarks."""
    return b"pikkit:marks:" + project.encode()


def unpack_watermark(stored: bytes | None) -> OnlineWatermark | None:
    """The watermark in these bytes; None where there is none, or none of ours."""
    if stored is None or len(stored) != _WATERMARK.size:
        return None
    return OnlineWatermark(*_WATERMARK.unpack(stored))


def features_digest(features: Iterable[tuple[str, str]]) -> bytes:
    """8 bytes that stand for the (name, type) of all features of a view: rows of other features are no copy of it."""
    return blake2b(repr(sorted(features)).encode(), digest_size=8).digest()
