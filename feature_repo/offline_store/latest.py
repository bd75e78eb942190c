"""The newest row of every key: what is copied online."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl
import psycopg
from psycopg import sql

from feature_repo.errors import RowsUnfit
from feature_repo.offline_store.column_types import (
    UTC_INSTANT,
    column_type,
    copied_column,
    describe_query,
    polars_types,
)
from feature_repo.offline_store.retrieval.entity_frame import EVENT_TIMESTAMP
from feature_repo.offline_store.source_table import (
    ViewSource,
    changelog_table,
    column_list,
    instant_literal,
    join_keys,
    joined,
    source_column_names,
    source_of,
    table_of_view,
)
from feature_repo.postgres.copy import copy_pages
from feature_repo.postgres.queries import feast_statement
from feature_repo.sources import CarryForward, carry_forward_of

if TYPE_CHECKING:
    from feast import FeatureView


def latest_pages(
    connection: psycopg.Connection,
    view: FeatureView,
    since: datetime,
    until: datetime,
    *,
    changed_only: bool,
    rows: int,
) -> Generator[pl.DataFrame]:
    """The newest row per key with an instant in [since, until], as frames of at most `rows` rows, in no order.

    Columns: the join keys, `event_timestamp` (UTC, microseconds) and the features, by their names in the view; types
    follow the source's. Rows without a key are left out: nothing online could ask for them. Of a source that is carried
    forward, `changed_only` yields what changed in the range, at the instants of the changes; otherwise also what only
    went on to hold, at the last instant to which it is carried forward, as Feast's own store reads it off the view.

    Memory follows a frame. The connection is busy until the last one; its session must be in UTC.
    Raises RowsUnfit for a column of a type that COPY does not carry, and psycopg.Error.
    """
    source, table = source_of(view), table_of_view(view)
    carried = carry_forward_of(source)
    if carried is not None and changed_only:
        table, carried = table._replace(source=changelog_table(carried)), None
    source_names = source_column_names(source)
    keys, features = join_keys(view), [feature.name for feature in view.features]
    names = {name: source_names.get(name, name) for name in (*keys, *features)}
    query = latest_query(table, carried, list(dict.fromkeys(names.values())), since, until, keys_only=True)
    types = describe_query(connection, query)
    _require_copied(view, {name: types[column] for name, column in names.items()})
    selected = [copied_column(column, types[column], name) for name, column in names.items()]
    instant = sql.SQL("{}::timestamptz as {}").format(sql.Identifier(table.instant), sql.Identifier(EVENT_TIMESTAMP))
    page = sql.SQL("select {} from ({}) as latest").format(joined([*selected, instant]), query)
    copied = polars_types({name: types[column] for name, column in names.items()}) | {EVENT_TIMESTAMP: UTC_INSTANT}
    ordered = {name: copied[name] for name in (*keys, EVENT_TIMESTAMP, *features)}
    yield from copy_pages(connection, page, None, ordered, rows=rows)


def latest_query(
    table: ViewSource,
    carried: CarryForward | None,
    names: Sequence[str],
    since: datetime,
    until: datetime,
    *,
    keys_only: bool,
) -> sql.Composed:
    """The query of the newest row per key in [since, until]: these columns, the instant, the time of creation.

    `carried`: how the source is carried forward; its changelog is then read in its place. `keys_only` leaves out rows
    with a null key.
    """
    keys = [sql.Identifier(key) for key in table.keys]
    order: list[sql.Composable] = [sql.SQL("{} desc").format(key) for key in (*keys, sql.Identifier(table.instant))]
    times = [table.instant, *([table.created] if table.created else [])]
    parts = {
        "distinct": sql.SQL("distinct on ({})").format(joined(keys)) if keys else sql.SQL(""),
        "since": instant_literal(since),
        "until": instant_literal(until),
    }
    if carried is not None:
        return sql.SQL(feast_statement("latest_carried_rows")).format(
            **parts,
            columns=column_list([name for name in names if name not in times], "change"),
            changelog=changelog_table(carried),
            order=joined(order),
            step=sql.Literal(int(carried.step.total_seconds())),
            same_key=joined((sql.SQL("later.{0} = change.{0}").format(key) for key in keys), " and "),
        )
    # As Feast has it: what was created at no known time comes first.
    if table.created:
        order.append(sql.SQL("{} desc").format(sql.Identifier(table.created)))
    not_null: list[sql.Composable] = [sql.SQL("{} is not null").format(key) for key in keys if keys_only]
    query = sql.SQL(feast_statement("latest_rows")).format(
        **parts,
        columns=column_list(list(dict.fromkeys([*names, *times]))),
        source=table.source,
        instant=sql.Identifier(table.instant),
        keys_only=joined(not_null or [sql.SQL("true")], " and "),
        order=joined(order),
    )
    return query if keys else sql.SQL("{}limit 1").format(query)


def _require_copied(view: FeatureView, types: dict[str, str]) -> None:
    not_copied = [f"{name} ({type_name})" for name, type_name in types.items() if column_type(type_name) is None]
    if not_copied:
        raise RowsUnfit(
            f"{view.name} has columns of types that are not copied: {', '.join(not_copied)}",
            "Nothing was copied",
            "Give them in its source as columns of simple types",
        )
