"""The queries for a view's history: all rows that a frame may need, or the one row that held at an instant.

Both keep rule R6 for the TTL, as `as_of_join` does and feature_repo/online_store/freshness.py does online.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psycopg import sql

from feature_repo.offline_store.column_types import copied_column
from feature_repo.offline_store.retrieval.key_comparison import comparison_sql
from feature_repo.offline_store.retrieval.request import ViewRequest
from feature_repo.offline_store.source_table import changelog_table, instant_literal, joined
from feature_repo.postgres.queries import feast_statement

Types = dict[str, str]


def history_query(
    request: ViewRequest, types: Types, earliest: datetime, latest: datetime | None, since: datetime | None = None
) -> sql.Composed:
    """All rows from `since` on that may hold at instants from `earliest` to `latest` (None: however late).

    Columns: keys k0.., instant t, time of creation c if the view has one, features f0.. as COPY takes them.
    """
    table, at = request.table, sql.Identifier(request.table.instant)
    columns = [
        sql.SQL("{} as {}").format(comparison_sql(sql.Identifier(key), types[key]), sql.Identifier(f"k{number}"))
        for number, key in enumerate(table.keys)
    ]
    columns.append(sql.SQL("{} as t").format(as_instant(at, types[table.instant])))
    if table.created:
        columns.append(sql.SQL("{} as c").format(as_instant(sql.Identifier(table.created), types[table.created])))
    conditions: list[sql.Composable] = [sql.SQL("{} is not null").format(sql.Identifier(key)) for key in table.keys]
    if latest is not None:
        conditions.append(sql.SQL("{} <= {}").format(at, _bound(instant_literal(latest), types[table.instant])))
    if since is not None:
        conditions.append(sql.SQL("{} >= {}").format(at, _bound(instant_literal(since), types[table.instant])))
    if request.ttl and request.carried is None:
        first = sql.SQL("{} - make_interval(secs => {})").format(instant_literal(earliest), sql.Literal(request.ttl))
        conditions.append(sql.SQL("{} >= {}").format(at, _bound(first, types[table.instant])))
    return sql.SQL("select {} from {} as history where {}").format(
        joined([*columns, *feature_select_list(request, types)]),
        table.source,
        joined(conditions or [sql.SQL("true")], " and "),
    )


def row_as_of(
    request: ViewRequest,
    types: Types,
    keys: Sequence[sql.Composable],
    at: sql.Composable,
    *,
    filter_by_created: bool,
    watermark: sql.Composable | None,
    since: datetime | None = None,
) -> sql.Composed:
    """The query of the one row that held for these keys at an instant, or of none: what stands after `lateral`.

    Columns: the features f0.. `keys` are in the order of `request.table.keys`. With `filter_by_created` only rows count
    that were created by that instant. `watermark` is that of a source that is carried forward, None for any other.
    """
    table, at_column = request.table, sql.Identifier("history", request.table.instant)
    bound = _bound(at, types[table.instant])
    conditions: list[sql.Composable] = [
        sql.SQL("{} = {}").format(comparison_sql(sql.Identifier("history", column), types[column]), key)
        for column, key in zip(table.keys, keys, strict=True)
    ]
    conditions.append(sql.SQL("{} <= {}").format(at_column, bound))
    if since is not None:
        conditions.append(sql.SQL("{} >= {}").format(at_column, _bound(instant_literal(since), types[table.instant])))
    if request.ttl and request.carried is None:
        first = sql.SQL("{} - make_interval(secs => {})").format(at, sql.Literal(request.ttl))
        conditions.append(sql.SQL("{} >= {}").format(at_column, _bound(first, types[table.instant])))
    order = [sql.SQL("{} desc").format(at_column)]
    if table.created:
        created = sql.Identifier("history", table.created)
        order.append(sql.SQL("{} desc nulls last").format(created))
        if filter_by_created:
            conditions.append(sql.SQL("{} <= {}").format(created, _bound(at, types[table.created])))
    listed_features = [sql.SQL("history.{}").format(part) for part in feature_select_list(request, types)]
    if request.carried is not None:
        listed_features.append(sql.SQL("{} as changed_at").format(at_column))
    newest = sql.SQL("select {} from {} as history where {} order by {} limit 1").format(
        joined(listed_features or [sql.SQL("1 as no_feature")]),
        table.source,
        joined(conditions, " and "),
        joined(order),
    )
    if request.carried is None or watermark is None:
        return newest
    return sql.SQL("select * from ({}) as history where {}").format(
        newest, _is_carried_forward(request, keys, at, watermark)
    )


def _is_carried_forward(
    request: ViewRequest, keys: Sequence[sql.Composable], at: sql.Composable, watermark: sql.Composable
) -> sql.Composable:
    """Whether the newest change by an instant, which happened at `history.changed_at`, still held at the instant."""
    if request.carried is None or not request.ttl:
        return sql.SQL("{} is not null").format(watermark)
    same_key = [
        sql.SQL("later.{} = {}").format(sql.Identifier(column), key)
        for column, key in zip(request.table.keys, keys, strict=True)
    ]
    return sql.SQL(feast_statement("is_carried_forward")).format(
        at=at,
        watermark=watermark,
        ttl=sql.Literal(request.ttl),
        step=sql.Literal(int(request.carried.step.total_seconds())),
        changelog=changelog_table(request.carried),
        instant=sql.Identifier(request.table.instant),
        same_key=joined(same_key, " and "),
    )


def feature_select_list(request: ViewRequest, types: Types) -> list[sql.Composable]:
    """The features in a select list: f0, f1..."""
    return [
        copied_column(column, types[column], f"f{number}") for number, column in enumerate(request.features.values())
    ]


def as_instant(column: sql.Composable, type_name: str) -> sql.Composable:
    """A column of times as an instant; without a zone it is UTC, whatever the session says."""
    if type_name == "timestamptz":
        return column
    if type_name == "text":
        return sql.SQL("{}::timestamptz").format(column)
    return sql.SQL("({}::timestamp at time zone 'UTC')").format(column)


def _bound(at: sql.Composable, type_name: str) -> sql.Composable:
    """An instant as a value of the column's type, so that an index on the column serves."""
    if type_name == "timestamptz":
        return at
    return sql.SQL("(({}) at time zone 'UTC')").format(at)
