"""Keys of the entity frame against keys of a history: both are compared as the column's type says.

What Postgres would refuse to compare, text with a number say, is refused here in words.
"""

from __future__ import annotations

import polars as pl
from psycopg import sql

from feature_repo.errors import EntityFrameUnfit
from feature_repo.offline_store.column_types import UTC_INSTANT, key_type


def comparison_sql(column: sql.Composable, type_name: str) -> sql.Composable:
    """The column as it is compared."""
    cast = key_type(type_name).cast
    if type_name == "numeric":
        return sql.SQL("trim_scale({})::text").format(column)
    if cast is None or type_name == cast:
        return column
    if cast == "timestamptz":
        return sql.SQL("({}::timestamp at time zone 'UTC')").format(column)
    return sql.SQL("{}::" + cast).format(column)


def keys_as_compared(values: pl.Series, type_name: str, view: str) -> pl.Series:
    """The frame's keys as what they are compared as. Raises EntityFrameUnfit for keys that cannot be of that type.

    A number that the type cannot hold is no key of it: null.
    """
    dtype = key_type(type_name).dtype
    if type_name == "numeric" and values.dtype.is_numeric():
        return _shortest(values)
    if values.dtype in (dtype, pl.Null) or values.null_count() == len(values):
        return values.cast(dtype) if values.dtype == pl.Null else _nulls_or_same(values, dtype)
    if dtype.is_numeric() and values.dtype.is_numeric():
        if isinstance(values.dtype, pl.Decimal):
            values = _shortest(values)
            return values.set(values.str.contains(".", literal=True), None).cast(dtype, strict=False)
        if dtype.is_integer() and not values.dtype.is_integer():
            numbers = values.cast(pl.Float64)
            values = numbers.set(numbers != numbers.floor(), None)
        return values.cast(dtype, strict=False)
    if dtype == UTC_INSTANT and isinstance(values.dtype, pl.Datetime):
        zoned = values.dt.convert_time_zone("UTC") if values.dtype.time_zone else values.dt.replace_time_zone("UTC")
        return zoned.dt.cast_time_unit("us")
    if dtype == UTC_INSTANT and values.dtype == pl.Date:
        return values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    raise EntityFrameUnfit(
        f"{values.name} of the entity frame holds {values.dtype}, and {view} has keys of type {type_name}",
        "Nothing was read",
        "Give the keys in the type of the view's column",
    )


def _nulls_or_same(values: pl.Series, dtype: pl.DataType) -> pl.Series:
    if values.dtype != dtype:
        return pl.Series(values.name, [None] * len(values), dtype=dtype)
    if dtype == pl.String():
        # Postgres has no text with a NUL in it, and so no such key.
        return values.set(values.str.contains("\0", literal=True).fill_null(False), None)
    return values


def _shortest(numbers: pl.Series) -> pl.Series:
    """Numbers spelled as `trim_scale` of Postgres spells them."""
    if numbers.dtype.is_float():
        whole = numbers == numbers.floor()
        return (
            numbers.cast(pl.String)
            .set(whole.fill_null(False), None)
            .zip_with(~whole.fill_null(False), numbers.cast(pl.Decimal(38, 0), strict=False).cast(pl.String))
        )
    texts = numbers.cast(pl.String)
    trimmed = texts.str.strip_chars_end("0").str.strip_chars_end(".")
    return trimmed.zip_with(texts.str.contains(".", literal=True).fill_null(False), texts)
