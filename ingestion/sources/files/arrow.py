"""Arrow columns in the shape in which Polars can take them, and which of their values it cannot take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as is_

from ingestion.sources.page import NOT_ONE_VALUE, NOT_UTF8, OUT_OF_RANGE

_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY = 24 * 60 * 60
# Years 1 to 9999: what Python, Postgres and ISO 8601 all spell alike.
_FIRST_DAY = (datetime(1, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
_LAST_DAY = (datetime(9999, 12, 31, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days


@dataclass(frozen=True)
class ArrowColumn:
    """A column's values (null where one is unfit for a frame), which ones are unfit, and why."""

    values: pl.Series
    unfit: pl.Series
    reason: str


def polars_compatible(array: pa.Array) -> pa.Array:
    """The same values in a type that Polars knows, without the encodings that Parquet and Arrow add."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return polars_compatible(array.storage)
    if is_.is_dictionary(kind):
        return polars_compatible(array.dictionary_decode())
    target = _plain_type(kind)
    return array if target == kind else array.cast(target)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if is_.is_timestamp(kind) and kind.tz is not None:
        return pa.timestamp(kind.unit, "UTC")
    if is_.is_binary(kind) or is_.is_fixed_size_binary(kind) or is_.is_binary_view(kind):
        return pa.large_binary()
    # Polars knows decimals of 128 bits only.
    if is_.is_string(kind) or is_.is_string_view(kind) or (is_.is_decimal(kind) and not is_.is_decimal128(kind)):
        return pa.large_string()
    if is_.is_map(kind):
        return pa.list_(pa.struct([pa.field("key", kind.key_type, nullable=False), pa.field("value", kind.item_type)]))
    return {pa.date64(): pa.date32(), pa.float16(): pa.float32()}.get(kind, kind)


def read(array: pa.Array) -> ArrowColumn:
    """A `plain` column as Polars holds it."""
    if is_.is_nested(array.type):
        return ArrowColumn(pl.Series([None]).new_from_index(0, len(array)), valid(array), NOT_ONE_VALUE)
    if is_.is_large_string(array.type):
        return _read_text(array)
    bounds = _bounds(array.type)
    if bounds is None:
        return ArrowColumn(to_series(array), _none(array), "")
    integers = stored(array)
    unfit = ((integers < bounds[0]) | (integers >= bounds[1])).fill_null(False)
    if unfit.any():
        array = pc.if_else(unfit.to_arrow(), pa.scalar(None, array.type), array)
    return ArrowColumn(to_series(array), unfit, OUT_OF_RANGE)


def _read_text(array: pa.Array) -> ArrowColumn:
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        decoded = [_decoded(raw) for raw in raw_bytes(array)]
        values = pl.Series(decoded, dtype=pl.String).zip_with(valid(array), pl.Series([None], dtype=pl.String))
        return ArrowColumn(values, pl.Series([text is None for text in decoded]), NOT_UTF8)
    return ArrowColumn(to_series(array), _none(array), "")


def to_series(array: pa.Array) -> pl.Series:
    """The column in Polars; every value must fit."""
    return pl.Series(pl.from_arrow(array))


def valid(array: pa.Array) -> pl.Series:
    """Which values are not null."""
    return to_series(array.is_valid())


def stored(array: pa.Array) -> pl.Series:
    """The integers as which a column of dates or times is stored."""
    return to_series(array.view(pa.int64() if array.type.bit_width == 64 else pa.int32()))


def raw_bytes(array: pa.Array) -> list[bytes]:
    """The bytes of a text or binary column, whether or not they are UTF-8; none for a null."""
    return [raw or b"" for raw in array.view(pa.large_binary()).to_pylist()]


def _decoded(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _none(array: pa.Array) -> pl.Series:
    return pl.Series([False]).new_from_index(0, len(array))


def _bounds(kind: pa.DataType) -> tuple[int, int] | None:
    """From where to where (exclusive) the stored integers of a date or time type mean something."""
    if is_.is_date32(kind):
        return _FIRST_DAY, _LAST_DAY + 1
    if is_.is_time(kind):
        return 0, _DAY * _UNITS[kind.unit]
    # 64 bits of nanoseconds end in the year 2262.
    if is_.is_timestamp(kind) and kind.unit != "ns":
        day = _DAY * _UNITS[kind.unit]
        return _FIRST_DAY * day, (_LAST_DAY + 1) * day
    return None
