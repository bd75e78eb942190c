"""Entity frames that are SQL: a query of the caller's, or all instants in a range of time with a change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

import psycopg
from psycopg import sql

from feature_repo.errors import EntityFrameUnfit
from feature_repo.offline_store.arrow_tables import read_table
from feature_repo.offline_store.column_types import describe_columns
from feature_repo.offline_store.retrieval.entity_frame import (
    EVENT_TIMESTAMP,
    EntityRows,
    entity_rows_of_table,
    instant_column,
    require_columns,
)
from feature_repo.offline_store.retrieval.history_sql import as_instant
from feature_repo.offline_store.retrieval.request import ViewRequest
from feature_repo.offline_store.source_table import NO_SQL, instant_literal, joined

_INSTANTS = ("timestamptz", "timestamp")


@dataclass(frozen=True)
class EntityQuery:
    """A query of entity rows: its columns with their server types, and which of them has the instants."""

    query: sql.Composable
    columns: tuple[tuple[str, str], ...]
    instant_column: str

    def rows(self, connection: psycopg.Connection) -> EntityRows:
        """The rows, in the order of the query."""
        return entity_rows_of_table(read_table(connection, self.query, self.columns, zoned=True), self.instant_column)

    def span(self, connection: psycopg.Connection) -> tuple[datetime | None, datetime | None]:
        """The earliest and the latest instant."""
        at = as_instant(sql.Identifier(self.instant_column), dict(self.columns)[self.instant_column])
        query = sql.SQL("select min({0}), max({0}) from ({1}\n) as entities").format(at, self.query)
        earliest, latest = connection.execute(query).fetchone() or (None, None)
        return earliest, latest


def entity_query(connection: psycopg.Connection, text: str, needed: Sequence[str]) -> EntityQuery:
    """A caller's query. Raises EntityFrameUnfit when it lacks columns; psycopg.Error."""
    query, columns = _described(connection, text.strip())
    names = [name for name, _ in columns]
    column = instant_column(names, [name for name, type_name in columns if type_name in _INSTANTS])
    require_columns(needed, names)
    return EntityQuery(query, tuple(columns), column)


def _described(connection: psycopg.Connection, text: str) -> tuple[sql.SQL, list[tuple[str, str]]]:
    """The query without its closing semicolon, and its columns with their types."""
    try:
        return _columns(connection, text.removesuffix(";"))
    except psycopg.ProgrammingError as error:
        try:
            # What is remarked behind the semicolon, unless that stands in a text.
            return _columns(connection, re.sub(r"(?s)\A(.*);\s*(--[^\n]*\s*)+\Z", r"\1", text))
        except psycopg.ProgrammingError:
            raise EntityFrameUnfit(
                f"The query of the entity frame cannot be run: {error.diag.message_primary}",
                "Nothing was read",
                "Give one SELECT that the reading role can run",
            ) from error


def _columns(connection: psycopg.Connection, text: str) -> tuple[sql.SQL, list[tuple[str, str]]]:
    query = sql.SQL(text)
    with connection.transaction():  # what fails leaves the retrieval's transaction as it was
        return query, describe_columns(connection, query)


def instants_in_range(
    connection: psycopg.Connection, views: Sequence[ViewRequest], start: datetime, end: datetime
) -> sql.Composable:
    """Every key and instant in [start, end] at which one of the views has a row, in that order.

    Raises EntityFrameUnfit for views whose join keys differ: there is no row that has all of them.
    """
    keys = views[0].join_keys
    differing = [view.name for view in views if set(view.join_keys) != set(keys)]
    if differing:
        raise EntityFrameUnfit(
            f"{', '.join(differing)} and {views[0].name} have different join keys",
            "Nothing was read",
            "Give an entity frame, or ask for the views of one entity at a time",
        )
    queries = [_instants_of(view, view.types(connection), keys, start, end) for view in views]
    union = reduce(lambda query, next_query: sql.SQL("{} union {}").format(query, next_query), queries)
    order = joined(map(sql.Identifier, (EVENT_TIMESTAMP, *keys)))
    return sql.SQL("select * from ({}) as instants order by {}").format(union, order)


def _instants_of(
    view: ViewRequest, types: dict[str, str], keys: Sequence[str], start: datetime, end: datetime
) -> sql.Composable:
    at = as_instant(sql.Identifier(view.table.instant), types[view.table.instant])
    source_names = dict(zip(view.join_keys, view.table.keys, strict=True))
    columns = [sql.SQL("{} as {}").format(sql.Identifier(source_names[key]), sql.Identifier(key)) for key in keys]
    return sql.SQL("select distinct {} from {} as history where {} between {} and {}").format(
        joined([sql.SQL("{} as {}").format(at, sql.Identifier(EVENT_TIMESTAMP)), *columns]),
        view.table.source,
        at,
        instant_literal(start),
        instant_literal(end),
    )


def rows_in_range(
    connection: psycopg.Connection, view: ViewRequest, start: datetime, end: datetime
) -> tuple[sql.Composable, list[tuple[str, str]]]:
    """All rows of one view with an instant in [start, end], in the order of instants, and their columns.

    Columns: event_timestamp, created_timestamp if the source has it, the join keys, the features.
    """
    table, types = view.table, view.types(connection)
    at = as_instant(sql.Identifier(table.instant), types[table.instant])
    columns = [(at, EVENT_TIMESTAMP, "timestamptz")]
    if table.created:
        created = as_instant(sql.Identifier(table.created), types[table.created])
        columns.append((created, "created_timestamp", "timestamptz"))
    pairs = [
        *zip(table.keys, view.join_keys, strict=True),
        *((column, name) for name, column in view.features.items()),
    ]
    columns += [(sql.Identifier(column), name, types[column]) for column, name in pairs]
    query = sql.SQL("select {} from {} as history where {} between {} and {} order by {}{}").format(
        joined(sql.SQL("{} as {}").format(column, sql.Identifier(name)) for column, name, _ in columns),
        table.source,
        at,
        instant_literal(start),
        instant_literal(end),
        at,
        joined([NO_SQL, *map(sql.Identifier, table.keys)]),
    )
    return query, [(name, type_name) for _, name, type_name in columns]
