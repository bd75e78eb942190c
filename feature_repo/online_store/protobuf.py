"""Values as serialized protobuf messages, byte for byte what Feast makes of them, written and read without objects.

NumPy and Polars are imported where columns are written: commands that only read messages do without them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

if TYPE_CHECKING:
    import polars as pl

_FLAGS: Final = {None: b"", False: b"\x38\x00", True: b"\x38\x01"}
_NULL: Final = b""

# What `decode_plain` returns for a message that it does not read.
NOT_PLAIN: Final = object()


# ---- columns to messages ---------------------------------------------------------------------------------------------


def encode_values(column: pl.Series, feast_type: Any) -> Sequence[bytes]:
    """The messages of a column, in order; empty for null. NaN is null online, as in Feast."""
    import polars as pl
    from feast.types import Bool, Float64, Int64, String

    if feast_type == Float64:
        return _doubles(column.cast(pl.Float64))
    if feast_type == Int64:
        return _each(column.cast(pl.Int64), _integer)
    if feast_type == Bool:
        return [_FLAGS[value] for value in column]
    if feast_type == String and column.dtype == pl.String:
        return _each(column, _text)
    return _as_feast(column, feast_type)


def _doubles(column: pl.Series) -> Sequence[bytes]:
    import numpy as np

    numbers = column.fill_nan(None)
    # One byte of tag (field number and wire type of the Value message), then the value.
    double = np.dtype([("tag", "u1"), ("value", "<f8")])
    messages = np.empty(len(column), double)
    messages["tag"], messages["value"] = 0x29, numbers.fill_null(0.0).to_numpy()
    encoded: list[bytes] = messages.view(f"V{double.itemsize}").tolist()
    for position in numbers.is_null().arg_true():
        encoded[position] = _NULL
    return encoded


def _each(column: pl.Series, encoded: Callable[[Any], bytes]) -> Sequence[bytes]:
    """Every value that occurs is encoded once: names and prices come again and again."""
    messages = {value: _NULL if value is None else encoded(value) for value in column.unique()}
    return [messages[value] for value in column]


def _integer(value: int) -> bytes:
    return b"\x20" + encode_varint(value)


def _text(value: str) -> bytes:
    text = value.encode()
    return b"\x12" + encode_varint(len(text)) + text


def _as_feast(column: pl.Series, feast_type: Any) -> Sequence[bytes]:
    """Any other type, as slowly as Feast does it."""
    from feature_repo.feast_internals import python_values_to_proto_values

    messages = python_values_to_proto_values(column.to_list(), feast_type.to_value_type())
    return [message.SerializeToString() for message in messages]


# ---- messages to values ----------------------------------------------------------------------------------------------


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
