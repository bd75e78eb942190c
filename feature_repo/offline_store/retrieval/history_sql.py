"""The queries for a view's history: all rows that a frame may need, or the one row that holds at an instant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psycopg import sql

from feature_repo.offline_store.column_types import selected
from feature_repo.offline_store.retrieval.key_types import compared
from feature_repo.offline_store.retrieval.request import ViewRequest
from feature_repo.offline_store.source_table import changes_of, instant_literal, listed

Types = dict[str, str]


def window(
    asked: ViewRequest, types: Types, earliest: datetime, latest: datetime | None, since: datetime | None = None
) -> sql.Composed:
    """All rows from `since` on that may hold at instants from `earliest` to `latest` (None: however late).

    Columns: keys k0.., instant t, time of creation c if there is one, features f0.., the latter as COPY takes them.
    """
    origin, at = asked.origin, sql.Identifier(asked.origin.instant)
    columns = [
        sql.SQL("{} as {}").format(compared(sql.Identifier(key), types[key]), sql.Identifier(f"k{number}"))
        for number, key in enumerate(origin.keys)
    ]
    columns.append(sql.SQL("{} as t").format(as_instant(at, types[origin.instant])))
    if origin.created:
        columns.append(sql.SQL("{} as c").format(as_instant(sql.Identifier(origin.created), types[origin.created])))
    kept: list[sql.Composable] = [sql.SQL("{} is not null").format(sql.Identifier(key)) for key in origin.keys]
    if latest is not None:
        kept.append(sql.SQL("{} <= {}").format(at, _bound(instant_literal(latest), types[origin.instant])))
    if since is not None:
        kept.append(sql.SQL("{} >= {}").format(at, _bound(instant_literal(since), types[origin.instant])))
    if asked.ttl and asked.again is None:
        first = sql.SQL("{} - make_interval(secs => {})").format(instant_literal(earliest), sql.Literal(asked.ttl))
        kept.append(sql.SQL("{} >= {}").format(at, _bound(first, types[origin.instant])))
    return sql.SQL("select {} from {} as history where {}").format(
        listed([*columns, *feature_select_list(asked, types)]),
        origin.source,
        listed(kept or [sql.SQL("true")], " and "),
    )


def holding(
    asked: ViewRequest,
    types: Types,
    keys: Sequence[sql.Composable],
    at: sql.Composable,
    *,
    visible: bool,
    mark: sql.Composable | None,
    since: datetime | None = None,
) -> sql.Composed:
    """The one row that holds for keys at an instant, features f0.. : what stands after `lateral`.

    `visible` takes only what was created by then. `mark` is the mark of a re-asserted source.
    """
    origin, at_column = asked.origin, sql.Identifier("history", asked.origin.instant)
    then = _bound(at, types[origin.instant])
    kept: list[sql.Composable] = [
        sql.SQL("{} = {}").format(compared(sql.Identifier("history", column), types[column]), key)
        for column, key in zip(origin.keys, keys, strict=True)
    ]
    kept.append(sql.SQL("{} <= {}").format(at_column, then))
    if since is not None:
        kept.append(sql.SQL("{} >= {}").format(at_column, _bound(instant_literal(since), types[origin.instant])))
    if asked.ttl and asked.again is None:
        first = sql.SQL("{} - make_interval(secs => {})").format(at, sql.Literal(asked.ttl))
        kept.append(sql.SQL("{} >= {}").format(at_column, _bound(first, types[origin.instant])))
    order = [sql.SQL("{} desc").format(at_column)]
    if origin.created:
        created = sql.Identifier("history", origin.created)
        order.append(sql.SQL("{} desc nulls last").format(created))
        if visible:
            kept.append(sql.SQL("{} <= {}").format(created, _bound(at, types[origin.created])))
    listed_features = [sql.SQL("history.{}").format(part) for part in feature_select_list(asked, types)]
    if asked.again is not None:
        listed_features.append(sql.SQL("{} as held_from").format(at_column))
    newest = sql.SQL("select {} from {} as history where {} order by {} limit 1").format(
        listed(listed_features or [sql.SQL("1 as found")]), origin.source, listed(kept, " and "), listed(order)
    )
    if asked.again is None or mark is None:
        return newest
    return sql.SQL("select * from ({}) as history where {}").format(newest, _still_said(asked, keys, at, mark))


def _still_said(
    asked: ViewRequest, keys: Sequence[sql.Composable], at: sql.Composable, mark: sql.Composable
) -> sql.Composable:
    """Whether the newest change, of `history.held_from`, is still said at the instant.

    It is said up to the mark, or to a change that is dated after the mark; then it holds for the TTL.
    """
    if asked.again is None or not asked.ttl:
        return sql.SQL("{} is not null").format(mark)
    same = [
        sql.SQL("later.{} = {}").format(sql.Identifier(column), key)
        for column, key in zip(asked.origin.keys, keys, strict=True)
    ]
    return sql.SQL(
        "{at} <= make_interval(secs => {ttl}) + case when {at} > {mark} and held_from < {mark} and exists ("
        "select from {changes} as later where {same} and later.{instant} > held_from) "
        "then held_from + make_interval(secs => {step}) * floor("
        "extract(epoch from {mark} - interval '1 microsecond' - held_from) / {step})::float8 "
        "else greatest({mark}, held_from) end and {mark} is not null"
    ).format(
        at=at,
        mark=mark,
        ttl=sql.Literal(asked.ttl),
        step=sql.Literal(int(asked.again.step.total_seconds())),
        changes=changes_of(asked.again),
        instant=sql.Identifier(asked.origin.instant),
        same=listed(same, " and "),
    )


def feature_select_list(asked: ViewRequest, types: Types) -> list[sql.Composable]:
    """The features in a select list: f0, f1..."""
    return [selected(column, types[column], f"f{number}") for number, column in enumerate(asked.features.values())]


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
