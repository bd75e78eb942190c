"""The newest row of every key: what is copied online."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl
import psycopg
from psycopg import sql

from feature_repo.errors import RowsUnfit
from feature_repo.offline_store.column_types import UTC_INSTANT, describe_query, dtypes, kind, selected
from feature_repo.offline_store.retrieval.entity_frame import EVENT_TIMESTAMP
from feature_repo.offline_store.source_table import (
    Origin,
    changes_of,
    columns,
    instant_literal,
    join_keys,
    listed,
    origin_of,
    own_names,
    source_of,
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
    follow the source's. Rows without a key are left out: nothing online could ask for them. Of a re-asserted source
    `changed_only` yields what changed in the window, at the instants of the changes; otherwise what only went on to
    hold is there too, at its last assertion, as Feast's own store reads it off the view.

    Memory follows a frame. The connection is busy until the last one; its session must be in UTC.
    Raises RowsUnfit for a column of a type that COPY does not carry, and psycopg.Error.
    """
    source, read = source_of(view), origin_of(view)
    again = carry_forward_of(source)
    if again is not None and changed_only:
        read, again = read._replace(source=changes_of(again)), None
    own = own_names(source)
    keys, features = join_keys(view), [feature.name for feature in view.features]
    names = {name: own.get(name, name) for name in (*keys, *features)}
    query = newest(read, again, list(dict.fromkeys(names.values())), since, until, given=True)
    types = describe_query(connection, query)
    _require_copied(view, {name: types[column] for name, column in names.items()})
    renamed = [selected(column, types[column], name) for name, column in names.items()]
    at = sql.SQL("{}::timestamptz as {}").format(sql.Identifier(read.instant), sql.Identifier(EVENT_TIMESTAMP))
    page = sql.SQL("select {} from ({}) as latest").format(listed([*renamed, at]), query)
    copied = dtypes({name: types[column] for name, column in names.items()}) | {EVENT_TIMESTAMP: UTC_INSTANT}
    ordered = {name: copied[name] for name in (*keys, EVENT_TIMESTAMP, *features)}
    yield from copy_pages(connection, page, None, ordered, rows=rows)


def newest(
    read: Origin, again: CarryForward | None, names: Sequence[str], since: datetime, until: datetime, *, given: bool
) -> sql.Composed:
    """The query of the newest row per key: these columns, the instant, the time of creation. `given`: no null keys.

    `again` tells that the source is re-asserted, and where its changes are: they are read in its place.
    """
    keys = [sql.Identifier(key) for key in read.keys]
    order: list[sql.Composable] = [sql.SQL("{} desc").format(key) for key in (*keys, sql.Identifier(read.instant))]
    times = [read.instant, *([read.created] if read.created else [])]
    parts = {
        "distinct": sql.SQL("distinct on ({})").format(listed(keys)) if keys else sql.SQL(""),
        "since": instant_literal(since),
        "until": instant_literal(until),
    }
    if again is not None:
        return sql.SQL(feast_statement("latest_assertions")).format(
            **parts,
            columns=columns([name for name in names if name not in times], "change"),
            changes=changes_of(again),
            order=listed(order),
            step=sql.Literal(int(again.step.total_seconds())),
            same_key=listed((sql.SQL("later.{0} = change.{0}").format(key) for key in keys), " and "),
        )
    # As Feast has it: what was created at no known time comes first.
    if read.created:
        order.append(sql.SQL("{} desc").format(sql.Identifier(read.created)))
    not_null: list[sql.Composable] = [sql.SQL("{} is not null").format(key) for key in keys if given]
    query = sql.SQL(feast_statement("latest_rows")).format(
        **parts,
        columns=columns(list(dict.fromkeys([*names, *times]))),
        source=read.source,
        instant=sql.Identifier(read.instant),
        given=listed(not_null or [sql.SQL("true")], " and "),
        order=listed(order),
    )
    return query if keys else sql.SQL("{}limit 1").format(query)


def _require_copied(view: FeatureView, types: dict[str, str]) -> None:
    unfit = [f"{name} ({type_name})" for name, type_name in types.items() if kind(type_name) is None]
    if unfit:
        raise RowsUnfit(
            f"{view.name} has columns of types that are not copied: {', '.join(unfit)}",
            "Nothing was copied",
            "Give them in its source as columns of simple types",
        )
