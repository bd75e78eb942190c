"""Server type -> what its values are in a COPY, in Polars, and in the Arrow tables that Feast takes.

What a query yields is asked of the server. Types that COPY carries exactly as text are copied; a view with any other
(an array, JSON) is fetched row by row, which is slower.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, LiteralString, NamedTuple

import polars as pl
import psycopg
import pyarrow as pa
from psycopg import sql

UTC_INSTANT: Final = pl.Datetime("us", "UTC")


class KeyType(NamedTuple):
    """What keys are compared as: in Polars, in an array of lookups, and the column cast to it where it is not of it."""

    dtype: pl.DataType
    array: LiteralString
    cast: LiteralString | None


class ColumnType(NamedTuple):
    """A server type: its cast for a COPY, what it is then in Polars, its Arrow type in Feast's frames, and as a key."""

    cast: LiteralString | None
    dtype: pl.DataType
    arrow: Any
    key: KeyType


_TEXT_KEY: Final = KeyType(pl.String(), "text[]", None)
_CAST_TO_TEXT: Final = KeyType(pl.String(), "text[]", "text")
_INTEGER_KEY: Final = KeyType(pl.Int64(), "bigint[]", None)
# By their shortest spelling: a float has too few digits.
_NUMERIC_KEY: Final = KeyType(pl.String(), "text[]", "numeric")
_FLOAT_KEY: Final = KeyType(pl.Float64(), "float8[]", "float8")
_INSTANT_KEY: Final = KeyType(UTC_INSTANT, "timestamptz[]", "timestamptz")

_TEXT: Final = ColumnType(None, pl.String(), pa.string(), _TEXT_KEY)
# Any other type, an enum say or a uuid, is its text.
_AS_TEXT: Final = ColumnType("text", pl.String(), pa.string(), _CAST_TO_TEXT)
_BY_NAME: Final[dict[str, ColumnType]] = {
    "bool": ColumnType(None, pl.Boolean(), pa.bool_(), KeyType(pl.Boolean(), "boolean[]", None)),
    "int2": ColumnType(None, pl.Int32(), pa.int32(), _INTEGER_KEY),
    "int4": ColumnType(None, pl.Int32(), pa.int32(), _INTEGER_KEY),
    "int8": ColumnType(None, pl.Int64(), pa.int64(), _INTEGER_KEY),
    "float4": ColumnType(None, pl.Float32(), pa.float32(), _FLOAT_KEY),
    "float8": ColumnType(None, pl.Float64(), pa.float64(), _FLOAT_KEY),
    "numeric": ColumnType("float8", pl.Float64(), pa.float64(), _NUMERIC_KEY),
    "text": _TEXT,
    "varchar": _TEXT,
    # Its padding is no part of a key.
    "bpchar": ColumnType(None, pl.String(), pa.string(), _CAST_TO_TEXT),
    "bytea": ColumnType(None, pl.Binary(), pa.binary(), KeyType(pl.Binary(), "bytea[]", None)),
    "date": ColumnType("timestamp", pl.Datetime("us"), pa.timestamp("us"), _INSTANT_KEY),
    "timestamp": ColumnType(None, pl.Datetime("us"), pa.timestamp("us"), _INSTANT_KEY),
    # In Feast's frames an instant among the features has no zone and is UTC.
    "timestamptz": ColumnType(None, UTC_INSTANT, pa.timestamp("us"), _INSTANT_KEY),
}
# The other way round: what a column of a frame is on the server. The first that fits counts.
_OF_ARROW: Final[tuple[tuple[Any, LiteralString], ...]] = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_integer, "bigint"),
    (pa.types.is_float32, "real"),
    (pa.types.is_floating, "double precision"),
    (pa.types.is_decimal, "numeric"),
    (pa.types.is_date, "date"),
    (pa.types.is_binary, "bytea"),
    (pa.types.is_large_binary, "bytea"),
    (pa.types.is_string, "text"),
    (pa.types.is_large_string, "text"),
    (pa.types.is_null, "text"),
)


def describe_query(connection: psycopg.Connection, query: sql.Composable) -> dict[str, str]:
    """The columns of a query and the names of their types, `_int8` for an array, an oid for one of somebody's own.

    Reads no row. Raises psycopg.Error for a query that the server does not take.
    """
    return dict(describe_columns(connection, query))


def describe_columns(connection: psycopg.Connection, query: sql.Composable) -> list[tuple[str, str]]:
    """The same in order, with columns that are there twice."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("select * from ({}\n) as described limit 0").format(query))
        return [(column.name, _type_name(connection, column.type_code)) for column in cursor.description or ()]


def _type_name(connection: psycopg.Connection, oid: int) -> str:
    registered = connection.adapters.types.get(oid)
    if registered is None:
        return str(oid)
    return f"_{registered.name}" if oid == registered.array_oid else registered.name


def column_type(type_name: str) -> ColumnType | None:
    """How a type is copied; None for one that must be fetched. What Feast has no type for, an enum say, is its text."""
    if type_name.startswith("_") or type_name in ("json", "jsonb"):
        return None
    copied: ColumnType = _BY_NAME.get(type_name, _AS_TEXT)
    return copied


def key_type(type_name: str) -> KeyType:
    """How keys of a server type are compared. Those of any other type (uuid, char(n), an enum) are compared as text."""
    return _BY_NAME.get(type_name, _AS_TEXT).key


def server_type(arrow_type: Any) -> LiteralString | None:
    """What a plain Arrow type is on the server; None for one that is neither a number, a text, bytes nor a date."""
    return next((name for is_type, name in _OF_ARROW if is_type(arrow_type)), None)


def all_copied(types: Iterable[str]) -> bool:
    """Whether COPY carries all of these types."""
    return all(column_type(name) is not None for name in types)


def polars_types(types: dict[str, str]) -> dict[str, pl.DataType]:
    """The Polars types in which columns of these types are copied."""
    return {name: copied.dtype for name, type_name in types.items() if (copied := column_type(type_name)) is not None}


def copied_column(column: str, type_name: str, name: str | None = None) -> sql.Composable:
    """The column in the select list of a COPY, under another name if one is given."""
    copied, expression = column_type(type_name), sql.Identifier(column)
    cast = sql.SQL("::" + copied.cast) if copied is not None and copied.cast else sql.SQL("")
    return sql.SQL("{}{} as {}").format(expression, cast, sql.Identifier(name or column))
