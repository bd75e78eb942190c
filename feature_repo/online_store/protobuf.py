"""Protobuf messages read and written without Feast: values as Python has them, instants, whole numbers.

Whole columns of values are written by write.py. Imports neither Feast nor Polars: `pikkit status` reads by it.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

# What `decode_plain` returns for a message that it does not read.
NOT_PLAIN: Final = object()


def decode(message: bytes | None) -> Any:
    """The Python value of a serialized Value message; None where there is none, or none in it.

    A message of a kind that no view of this repository has is read by Feast, which takes seconds to import.
    """
    value = decode_plain(message)
    return _decoded_by_feast(message or b"") if value is NOT_PLAIN else value


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
        length, at = decode_varint(message, 1)
        if at + length == len(message):
            return message[at:].decode()
    elif tag == 0x20:  # 64-bit integer
        value, at = decode_varint(message, 1)
        if at == len(message):
            return value - (1 << 64) if value >> 63 else value
    elif tag == 0x38 and len(message) == 2:
        return message[1] != 0
    return NOT_PLAIN


def _decoded_by_feast(message: bytes) -> Any:
    from feature_repo.feast_internals import Value, feast_value_type_to_python_type

    return feast_value_type_to_python_type(Value.FromString(message))


# ---- instants and numbers --------------------------------------------------------------------------------------------


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


def encode_varint(number: int) -> bytes:
    """A whole number as protobuf writes it. A negative one is written as the 64 bits of its two's complement.

    >>> list(encode_varint(300))
    [172, 2]
    """
    if 0 <= number < 0x80:
        return number.to_bytes()
    rest, encoded = number & 0xFFFF_FFFF_FFFF_FFFF, bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)


def decode_varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that stands at a position of a protobuf message, and the position after it. Never negative.

    >>> decode_varint(bytes([172, 2]), 0)
    (300, 2)
    """
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
