"""A result kept as a table: what `persist` and saved datasets do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, LiteralString

import polars as pl
import psycopg
import pyarrow as pa
from psycopg import errors, sql

from feature_repo.errors import RowsUnfit
from feature_repo.offline_store.arrow_tables import require_outside
from feature_repo.offline_store.column_types import server_type
from feature_repo.offline_store.source_table import joined
from feature_repo.postgres.copy import copy_in
from feature_repo.postgres.queries import feast_statement
from feature_repo.postgres.sessions import feast_session

if TYPE_CHECKING:
    from collections.abc import Collection

    from feast import RepoConfig

# What tells a table that may be replaced.
_SAVED: Final = "A saved result of Feast."


def persist(config: RepoConfig, table: pa.Table, name: str, *, json_columns: Collection[str], overwrite: bool) -> None:
    """Make a table of these rows, spelled as a source spells its table. All of it or nothing.

    `json_columns` hold text of JSON, or lists of it.

    Raises RowsUnfit when there is one of that name and `overwrite` is not set, or when it is no saved result, or when
    the schema is one that runs write: nothing of theirs is replaced or added to.
    """
    target: sql.Composable = sql.SQL(name)
    columns = {
        column.name: _column(column, table.column(column.name), is_json=column.name in json_columns)
        for column in table.schema
    }
    definitions = joined(sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, (t, _) in columns.items())
    with feast_session(config, "feast persist") as connection, connection.transaction():
        # Whoever reads the table may take long; nobody should wait behind this for that.
        connection.execute("set local lock_timeout = '10s'")
        if overwrite:
            _require_saved_result(connection, name)
            try:
                connection.execute(sql.SQL("drop table if exists {}").format(target))
            except errors.LockNotAvailable as error:
                raise RowsUnfit(f"{name} is in use", "It is as it was", "Try again when it is not read") from error
        try:
            connection.execute(sql.SQL("create table {} ({})").format(target, definitions))
        except errors.DuplicateTable as error:
            raise RowsUnfit(
                f"There is a table {name} already",
                "It is as it was",
                "Choose another name, or pass allow_overwrite=True",
            ) from error
        require_outside(connection, name, "Nothing was saved")
        connection.execute(sql.SQL("comment on table {} is {}").format(target, _SAVED))
        copy_in(connection, target, pl.DataFrame({n: values for n, (_, values) in columns.items()}))


def _require_saved_result(connection: psycopg.Connection, name: str) -> None:
    row = connection.execute(feast_statement("saved_result"), {"table": name, "comment": _SAVED}).fetchone()
    if row is not None and not row[0]:
        raise RowsUnfit(f"{name} is not a saved result of Feast", "It is as it was", "Choose another name")


def _column(field: Any, values: pa.ChunkedArray, *, is_json: bool) -> tuple[LiteralString, pl.Series]:
    """The type of a column and its values. What has no type in Postgres is kept as JSON, text as text."""
    arrow_type = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if is_json:
        return ("jsonb[]" if pa.types.is_list(arrow_type) else "jsonb"), pl.Series(pl.from_arrow(values))
    if pa.types.is_null(arrow_type):
        return "text", pl.Series([None] * len(values), dtype=pl.String)
    if pa.types.is_timestamp(arrow_type):
        return ("timestamptz" if arrow_type.tz else "timestamp"), pl.Series(pl.from_arrow(values))
    if pa.types.is_list(arrow_type) and not pa.types.is_nested(arrow_type.value_type):
        lists = pl.Series(pl.from_arrow(values))
        return f"{server_type(arrow_type.value_type) or 'text'}[]", _spelled(lists)
    if pa.types.is_nested(arrow_type):
        texts = [None if value is None else json.dumps(value, default=str) for value in values.to_pylist()]
        return "jsonb", pl.Series(texts, dtype=pl.String)
    return server_type(arrow_type) or "text", pl.Series(pl.from_arrow(values.cast(arrow_type)))


def _spelled(lists: pl.Series) -> pl.Series:
    inner = getattr(lists.dtype, "inner", None)
    if isinstance(inner, pl.Datetime):
        return lists.list.eval(pl.element().dt.to_string("iso"))
    return lists
