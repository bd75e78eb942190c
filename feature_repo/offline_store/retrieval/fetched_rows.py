"""Rows of a view as they came from the server: what they are joined on in Polars, and their features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import polars as pl
import psycopg
import pyarrow as pa
from psycopg import sql

from feature_repo.offline_store.column_types import all_copied, column_type
from feature_repo.offline_store.source_table import joined
from feature_repo.postgres.copy import copy_pages

Schema = Mapping[str, pl.DataType]


# The text of so many rows is in memory at a time, besides what was made of the text before.
_ROWS_PER_PAGE: Final = 200_000


class FetchedRows(NamedTuple):
    """Rows of a view, in two halves of the same height and order."""

    # what rows are found by: keys k0.., instants t and c, or the number of a lookup
    keys: pl.DataFrame
    # the features f0..: in Arrow where one is of a type that COPY does not carry
    features: pl.DataFrame | pa.Table


def fetch_rows(
    connection: psycopg.Connection, query: sql.Composable, keys: Schema, features: Sequence[str]
) -> FetchedRows:
    """The rows of a query that has the columns of `keys` and f0.., whose server types are `features`."""
    names = [f"f{number}" for number in range(len(features))]
    if all_copied(features):
        dtypes = {
            name: copied.dtype
            for name, t in zip(names, features, strict=True)
            if (copied := column_type(t)) is not None
        }
        schema = {**keys, **dtypes}
        pages = list(copy_pages(connection, query, None, schema, rows=_ROWS_PER_PAGE))
        frame = pl.concat(pages) if pages else pl.DataFrame(schema=schema)
        return FetchedRows(frame.select(list(keys)), frame.select(names))
    return _fetched_by_row(connection, query, keys, dict(zip(names, features, strict=True)))


def _fetched_by_row(
    connection: psycopg.Connection, query: sql.Composable, keys: Schema, features: dict[str, str]
) -> FetchedRows:
    plain = [_as_python(name, type_name) for name, type_name in features.items()]
    columns = [*(sql.Identifier(name) for name in keys), *plain]
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("select {} from ({}\n) as fetched").format(joined(columns), query))
        rows = cursor.fetchall()
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    frame = pl.DataFrame(
        {name: pl.Series(name, v, dtype=t) for (name, t), v in zip(keys.items(), values, strict=False)}
    )
    arrays = {
        name: _array(column, type_name)
        for (name, type_name), column in zip(features.items(), values[len(keys) :], strict=True)
    }
    return FetchedRows(frame, pa.table(arrays))


def _as_python(name: str, type_name: str) -> sql.Composable:
    cast = {"json": "::text", "jsonb": "::text", "_uuid": "::text[]", "_json": "::text[]", "_jsonb": "::text[]"}
    return sql.SQL("{}{}").format(sql.Identifier(name), sql.SQL(cast.get(type_name, "")))


def _array(values: Sequence[Any], type_name: str) -> Any:
    """The values in Feast's type for the server's: of an array a list, of JSON its text."""
    if type_name in ("json", "jsonb"):
        return pa.array(values, pa.string())
    copied = column_type(type_name.removeprefix("_"))
    if copied is None:
        return pa.array(values, pa.list_(pa.string()))
    wanted = pa.list_(copied.arrow) if type_name.startswith("_") else copied.arrow
    try:
        return pa.array(values).cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        # An array of arrays: Postgres has one type for all of them.
        return pa.array(values)


def gather_features(features: pl.DataFrame | pa.Table, positions: pl.Series, types: Sequence[str]) -> list[Any]:
    """The features at these positions (null where the position is null) as Arrow columns of Feast's types.

    `types` are the server types of the features, in their order.
    """
    if not isinstance(features, pl.DataFrame):
        gathered = features.take(positions.to_arrow())
        return [gathered.column(name) for name in gathered.column_names]
    columns = []
    for name, type_name in zip(features.columns, types, strict=True):
        copied = column_type(type_name)
        arrow = features.get_column(name).gather(positions).to_arrow()
        columns.append(arrow.cast(copied.arrow) if copied is not None else arrow)
    return columns
