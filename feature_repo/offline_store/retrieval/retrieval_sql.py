"""A whole retrieval as one statement that gives the same in any session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

import psycopg
import pyarrow as pa
from psycopg import sql

from feature_repo.errors import EntityFrameUnfit
from feature_repo.offline_store.column_types import key_type, server_type
from feature_repo.offline_store.retrieval.entity_frame import EntityRows
from feature_repo.offline_store.retrieval.entity_query import EntityQuery
from feature_repo.offline_store.retrieval.history_sql import as_instant, row_as_of
from feature_repo.offline_store.retrieval.request import ViewRequest
from feature_repo.offline_store.source_table import joined

_WATERMARK: Final = sql.SQL("(select features_watermark from features.watermark)")


def retrieval_sql(
    connection: psycopg.Connection,
    views: Sequence[ViewRequest],
    entities: EntityRows | EntityQuery,
    *,
    columns_kept: Sequence[str],
    filter_by_created: bool,
    since: datetime | None,
) -> str:
    """The statement. `columns_kept` are the columns of the entity frame that the result has, before the features.

    Raises EntityFrameUnfit for a frame with a column that SQL has no array of.
    """
    rows, instant = _rows(entities)
    columns: list[sql.Composable] = [_own_column(name, instant, entities) for name in columns_kept]
    joins = []
    for number, view in enumerate(views):
        row_name, types = f"held_{number}", view.types(connection)
        row = row_as_of(
            view,
            types,
            [_key(entities, key, types[column]) for key, column in zip(view.join_keys, view.table.keys, strict=True)],
            instant,
            filter_by_created=filter_by_created,
            watermark=_WATERMARK if view.carried is not None else None,
            since=since,
        )
        columns += [
            sql.SQL("{} as {}").format(sql.Identifier(row_name, f"f{place}"), sql.Identifier(name))
            for place, name in enumerate(view.features)
        ]
        joins.append(sql.SQL("left join lateral (\n{}\n) as {} on true").format(row, sql.Identifier(row_name)))
    query = sql.SQL("select {}\nfrom (\n{}\n) as entity\n{}\norder by entity.__place")
    return query.format(joined(columns, ",\n    "), rows, joined(joins, "\n")).as_string(connection)


def _rows(entities: EntityRows | EntityQuery) -> tuple[sql.Composable, sql.Composable]:
    """The entity rows with their place, and their instant."""
    column = sql.Identifier("entity", entities.instant_column)
    if isinstance(entities, EntityQuery):
        query = sql.SQL("select *, row_number() over () as __place from (\n{}\n) as given").format(entities.query)
        return query, as_instant(column, dict(entities.columns)[entities.instant_column])
    table = entities.table
    arrays = [
        sql.SQL("{}::" + _array_type(table.schema.field(name), name)).format(sql.Literal(_values(table.column(name))))
        for name in table.column_names
    ]
    names = [*map(sql.Identifier, table.column_names), sql.Identifier("__place")]
    query = sql.SQL("select * from unnest({}) with ordinality as given ({})").format(joined(arrays), joined(names))
    return query, column


def _key(entities: EntityRows | EntityQuery, name: str, type_name: str) -> sql.Composable:
    if isinstance(entities, EntityRows) and pa.types.is_null(entities.table.schema.field(name).type):
        return sql.SQL("null::" + key_type(type_name).array.removesuffix("[]"))
    return sql.Identifier("entity", name)


def _own_column(name: str, instant: sql.Composable, entities: EntityRows | EntityQuery) -> sql.Composable:
    if name == entities.instant_column:
        return sql.SQL("{} as {}").format(instant, sql.Identifier(name))
    return sql.Identifier("entity", name)


def _values(column: pa.ChunkedArray) -> list[Any]:
    return list(column.to_pylist())


def _array_type(field: Any, name: str) -> LiteralString:
    arrow_type = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if pa.types.is_timestamp(arrow_type):
        return "timestamptz[]" if arrow_type.tz else "timestamp[]"
    if pa.types.is_floating(arrow_type):
        # Of any width: keys are compared as such.
        return "float8[]"
    if (type_name := server_type(arrow_type)) is not None:
        return f"{type_name}[]"
    raise EntityFrameUnfit(
        f"{name} of the entity frame holds {arrow_type}, which cannot be written into a statement",
        "Nothing was read",
        "Leave the column out for to_sql()",
    )
