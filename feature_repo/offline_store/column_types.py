"""What the server's types are here: in a COPY, in Polars, and in the Arrow tables that Feast takes.

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


class ColumnType(NamedTuple):
    """A type: what it is cast to for a COPY, what it is then in Polars, and its Arrow type in Feast's frames."""

    cast: LiteralString | None
    dtype: pl.DataType
    arrow: Any


_TEXT: Final = ColumnType(None, pl.String(), pa.string())
_AS_TEXT: Final = ColumnType("text", pl.String(), pa.string())
_KINDS: Final[dict[str, ColumnType]] = {
    "bool": ColumnType(None, pl.Boolean(), pa.bool_()),
    "int2": ColumnType(None, pl.Int32(), pa.int32()),
    "int4": ColumnType(None, pl.Int32(), pa.int32()),
    "int8": ColumnType(None, pl.Int64(), pa.int64()),
    "float4": ColumnType(None, pl.Float32(), pa.float32()),
    "float8": ColumnType(None, pl.Float64(), pa.float64()),
    "numeric": ColumnType("float8", pl.Float64(), pa.float64()),
    "text": _TEXT,
    "varchar": _TEXT,
    "bpchar": _TEXT,
    "bytea": ColumnType(None, pl.Binary(), pa.binary()),
    "date": ColumnType("timestamp", pl.Datetime("us"), pa.timestamp("us")),
    "timestamp": ColumnType(None, pl.Datetime("us"), pa.timestamp("us")),
    # In Feast's frames an instant among the features has no zone and is UTC.
    "timestamptz": ColumnType(None, UTC_INSTANT, pa.timestamp("us")),
}


def describe_query(connection: psycopg.Connection, query: sql.Composable) -> dict[str, str]:
    """The columns of a query and the names of their types, `_int8` for an array, an oid for one of somebody's own.

    Reads no row. Raises psycopg.Error for a query that the server does not take.
    """
    return dict(column_types(connection, query))


def column_types(connection: psycopg.Connection, query: sql.Composable) -> list[tuple[str, str]]:
    """The same in order, with columns that are there twice."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("select * from ({}\n) as described limit 0").format(query))
        return [(column.name, _type_name(connection, column.type_code)) for column in cursor.description or ()]


def _type_name(connection: psycopg.Connection, oid: int) -> str:
    known = connection.adapters.types.get(oid)
    if known is None:
        return str(oid)
    return f"_{known.name}" if oid == known.array_oid else known.name


def kind(type_name: str) -> ColumnType | None:
    """How a type is copied; None for one that must be fetched. What Feast has no type for, an enum say, is its text."""
    if type_name.startswith("_") or type_name in ("json", "jsonb"):
        return None
    found: ColumnType = _KINDS.get(type_name, _AS_TEXT)
    return found


def are_copied(types: Iterable[str]) -> bool:
    """Whether COPY carries all of these types."""
    return all(kind(name) is not None for name in types)


def dtypes(types: dict[str, str]) -> dict[str, pl.DataType]:
    """The Polars types in which columns of these types are copied."""
    return {name: found.dtype for name, type_name in types.items() if (found := kind(type_name)) is not None}


def selected(column: str, type_name: str, name: str | None = None) -> sql.Composable:
    """The column in the select list of a COPY, under another name if one is given."""
    found, expression = kind(type_name), sql.Identifier(column)
    cast = sql.SQL("::" + found.cast) if found is not None and found.cast else sql.SQL("")
    return sql.SQL("{}{} as {}").format(expression, cast, sql.Identifier(name or column))
