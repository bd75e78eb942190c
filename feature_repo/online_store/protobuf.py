"""Columns of a frame as serialized Value messages: byte for byte what Feast makes of each value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

# One byte of tag (field number and wire type of the Value message), then the value.
_DOUBLE: Final = np.dtype([("tag", "u1"), ("value", "<f8")])
_FLAGS: Final = {None: b"", False: b"\x38\x00", True: b"\x38\x01"}
_NULL: Final = b""


def encode_values(column: pl.Series, feast_type: Any) -> Sequence[bytes]:
    """The messages of a column, in order; empty for null. NaN is null online, as in Feast."""
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
    known = column.fill_nan(None)
    messages = np.empty(len(column), _DOUBLE)
    messages["tag"], messages["value"] = 0x29, known.fill_null(0.0).to_numpy()
    encoded: list[bytes] = messages.view(f"V{_DOUBLE.itemsize}").tolist()
    for position in known.is_null().arg_true():
        encoded[position] = _NULL
    return encoded


def _each(column: pl.Series, encoded: Callable[[Any], bytes]) -> Sequence[bytes]:
    """Every value that occurs is encoded once: names and prices come again and again."""
    known = {value: _NULL if value is None else encoded(value) for value in column.unique()}
    return [known[value] for value in column]


def _integer(value: int) -> bytes:
    return b"\x20" + _varint(value)


def _text(value: str) -> bytes:
    text = value.encode()
    return b"\x12" + _varint(len(text)) + text


def _varint(value: int) -> bytes:
    if 0 <= value < 0x80:
        return value.to_bytes()
    # A negative number is written as the 64 bits of its two's complement.
    rest, encoded = value & 0xFFFF_FFFF_FFFF_FFFF, bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)


def _as_feast(column: pl.Series, feast_type: Any) -> Sequence[bytes]:
    """Any other type, as slowly as Feast does it."""
    from feature_repo.feast_internals import python_values_to_proto_values

    messages = python_values_to_proto_values(column.to_list(), feast_type.to_value_type())
    return [message.SerializeToString() for message in messages]
