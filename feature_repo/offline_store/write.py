"""Rows given by hand into the table of a view's source: copied next to it, then merged by one statement."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import psycopg
import pyarrow as pa
from feast.types import Array, Json
from psycopg import sql

from feature_repo.errors import RowsUnfit
from feature_repo.feast_internals import postgres_table
from feature_repo.offline_store.arrow_tables import require_outside
from feature_repo.offline_store.column_types import describe_query
from feature_repo.offline_store.json_columns import is_json, json_texts
from feature_repo.offline_store.source_table import ViewSource, joined, source_column_names, source_of, table_of_view
from feature_repo.postgres.copy import copy_in
from feature_repo.postgres.queries import feast_statement
from feature_repo.postgres.sessions import feast_session

if TYPE_CHECKING:
    from feast import FeatureView, RepoConfig

_STATE: Final = "Nothing was written"
_STAGING: Final = sql.Identifier("pg_temp", "feast_rows")


def write_rows(config: RepoConfig, view: FeatureView, table: pa.Table) -> None:
    """Write the rows of an Arrow table, whose columns are the source's, or the view's names for them. All or none.

    A row whose keys, instant and, where that is part of a unique index, time of creation are there already takes the
    place of that row. Without such an index a row that is there already, equal in all columns, is not written again.
    Raises RowsUnfit for a source that is a query, for columns that the table does not have and values that do not fit.
    """
    source: Any = source_of(view)
    target, name = table_of_view(view), postgres_table(source)
    source_names = source_column_names(source)
    table = table.rename_columns([source_names.get(column, column) for column in table.column_names])
    if not name:
        raise RowsUnfit(f"{view.name} reads a query", _STATE, "Write to the tables that the query reads")
    with feast_session(config, "feast write") as connection, connection.transaction():
        require_outside(connection, name, _STATE)
        types = _types(connection, view, target, table)
        names = [column for column in table.column_names if column in types]
        connection.execute(
            sql.SQL("create temp table feast_rows on commit drop as select {} from {} where false").format(
                joined(map(sql.Identifier, names)), target.source
            )
        )
        try:
            copy_in(connection, _STAGING, _frame(table.select(names), types, _lists_of_json(view, source_names)))
            _merge(connection, target, names)
        except (psycopg.DataError, psycopg.IntegrityError, pl.exceptions.PolarsError, ValueError) as error:
            server_message = error.diag.message_primary if isinstance(error, psycopg.Error) else None
            raise RowsUnfit(
                f"Rows for {view.name} do not fit {name}: {server_message or error}",
                _STATE,
                "Give values that the columns can hold",
            ) from error


def _types(connection: psycopg.Connection, view: FeatureView, target: ViewSource, table: pa.Table) -> dict[str, str]:
    types = describe_query(connection, sql.SQL("select * from {} as source").format(target.source))
    unknown = [name for name in table.column_names if name not in types]
    missing = [name for name in (*target.keys, target.instant) if name not in table.column_names]
    if unknown or missing:
        problems = [f"{', '.join(unknown)} not in the table"] if unknown else []
        problems += [f"{', '.join(missing)} not given"] if missing else []
        raise RowsUnfit(
            f"The columns of the rows for {view.name} do not fit its table: {'; '.join(problems)}",
            _STATE,
            f"The table has {', '.join(types)}",
        )
    return types


def _lists_of_json(view: FeatureView, source_names: dict[str, str]) -> set[str]:
    """The columns whose values are lists of what Feast calls Json: a text among those is JSON, and no text."""
    return {source_names.get(field.name, field.name) for field in view.features if field.dtype == Array(Json)}


def _frame(table: pa.Table, types: dict[str, str], lists_of_json: Container[str]) -> pl.DataFrame:
    texts = {
        name: json_texts(table.column(name), types[name], of_texts=name in lists_of_json)
        for name in table.column_names
        if is_json(types[name])
    }
    frame = pl.DataFrame(
        {
            name: texts[name] if name in texts else pl.Series(pl.from_arrow(table.column(name)))
            for name in table.column_names
        }
    )
    # pandas makes floats of whole numbers where one is missing.
    floats = [
        name for name in frame.columns if frame[name].dtype.is_float() and types[name] in ("int2", "int4", "int8")
    ]
    whole = [name for name in floats if ((frame[name] == frame[name].floor()) | frame[name].is_nan()).all()]
    frame = frame.with_columns(pl.col(whole).fill_nan(None).cast(pl.Int64)) if whole else frame
    # A column of nothing but nulls has no type of its own; any spelling of null will do.
    frame = frame.with_columns(pl.col(pl.Null).cast(pl.String))
    # Instants without a zone are UTC in Feast.
    naive = [name for name, t in frame.schema.items() if isinstance(t, pl.Datetime) and t.time_zone is None]
    return frame.with_columns(pl.col(naive).dt.replace_time_zone("UTC"))


def _merge(connection: psycopg.Connection, target: ViewSource, names: list[str]) -> None:
    unique = _unique_columns(connection, target)
    parts = {
        "table": target.source,
        "columns": joined(map(sql.Identifier, names)),
        "staging": _STAGING,
    }
    if unique is None:
        same_values = [
            sql.SQL("stored.{0} is not distinct from given.{0}").format(sql.Identifier(name)) for name in names
        ]
        connection.execute(
            sql.SQL(feast_statement("insert_new_rows")).format(**parts, same_values=joined(same_values, " and "))
        )
        return
    changed = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in names if name not in unique]
    connection.execute(
        sql.SQL(feast_statement("merge_rows")).format(
            **parts,
            unique=joined(map(sql.Identifier, unique)),
            action=sql.SQL("update set {}").format(joined(changed)) if changed else sql.SQL("nothing"),
        )
    )


def _unique_columns(connection: psycopg.Connection, target: ViewSource) -> list[str] | None:
    """The columns of a unique index over the keys, the instant and perhaps the time of creation, and nothing else."""
    text = target.source.as_string(connection)
    candidates = [{*target.keys, target.instant}, {*target.keys, target.instant, target.created}]
    for (indexed,) in connection.execute(feast_statement("unique_columns"), {"table": text}):
        if set(indexed) in candidates:
            return list(indexed)
    return None
