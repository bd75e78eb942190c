"""The rows of a query as an Arrow table, typed by the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import psycopg
import pyarrow as pa
from psycopg import sql

from feature_repo.errors import RowsUnfit
from feature_repo.offline_store.column_types import column_type, copied_column
from feature_repo.offline_store.retrieval.fetched_rows import fetch_rows
from feature_repo.offline_store.source_table import joined
from feature_repo.postgres.queries import feast_statement


def read_table(
    connection: psycopg.Connection, query: sql.Composable, columns: Sequence[tuple[str, str]], *, zoned: bool
) -> pa.Table:
    """All rows, in the query's order, with these columns, given with their types as `column_types` has them.

    Columns of instants are aware UTC if `zoned`; otherwise they have no zone and are UTC, as in Feast's frames.
    """
    selected = [copied_column(name, type_name, f"f{number}") for number, (name, type_name) in enumerate(columns)]
    renamed = sql.SQL("select {} from ({}\n) as read").format(joined(selected), query)
    rows = fetch_rows(connection, renamed, {}, [type_name for _, type_name in columns]).features
    arrays = [_array(rows, f"f{number}", type_name, zoned=zoned) for number, (_, type_name) in enumerate(columns)]
    return pa.Table.from_arrays(arrays, names=[name for name, _ in columns])


def _array(rows: pl.DataFrame | pa.Table, name: str, type_name: str, *, zoned: bool) -> Any:
    array = rows.get_column(name).to_arrow() if isinstance(rows, pl.DataFrame) else rows.column(name)
    if zoned and type_name == "timestamptz":
        return array.cast(pa.timestamp("us", tz="UTC"))
    copied = column_type(type_name)
    return array.cast(copied.arrow) if copied is not None else array


def require_outside(connection: psycopg.Connection, table: str, state: str) -> None:
    """Raise RowsUnfit for a table that runs write, however it is spelled, and for a view, which may lead to one."""
    row = connection.execute(feast_statement("table_of_ours"), {"table": table}).fetchone()
    if row is not None and row[0]:
        raise RowsUnfit(
            f"{table} is not a table to be written by hand: it is a view, or `pikkit run` writes its schema",
            state,
            "Name a table of a schema of your own",
        )
