"""What changed in the features between two instants, or between two runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from feature_repo.declarations.views import STORED_VIEWS, BetView
from feature_repo.errors import ConfigurationError
from feature_repo.explanation.differences.difference import (
    BackdatedRows,
    ChangedValue,
    Difference,
    DifferingRow,
    DifferingView,
)
from feature_repo.explanation.origins import runs_behind
from feature_repo.explanation.result import ChangingVersion
from feature_repo.explanation.stored_values import StoredView
from feature_repo.group_keys import split_key
from feature_repo.postgres.queries import feast_statement

# Versions that are named of one key.
VERSIONS_OF_ROW: Final = 3


@dataclass(frozen=True)
class AskedKey:
    """A key, and the instants between which versions of its bets are looked for."""

    key: str
    since: datetime
    until: datetime


# ---- instants and runs ---------------------------------------------------------------------------------------------


def difference_of_instants(
    connection: psycopg.Connection, first: datetime, second: datetime, limit: int | None
) -> Difference:
    """What changed from the earlier to the later instant, with at most `limit` rows of each view; null: all."""
    since, until = sorted((first, second))
    row = connection.execute(feast_statement("features_watermark")).fetchone()
    watermark = row[0] if row else None
    views = [_view(connection, view, since, until, watermark, limit) for view in STORED_VIEWS]
    between = connection.execute(feast_statement("count_versions_between"), {"since": since, "until": until}).fetchone()
    return Difference(
        kind="instants",
        before=since.isoformat(),
        after=until.isoformat(),
        before_at=since,
        after_at=until,
        versions_between=between[0] if between else 0,
        views=tuple(views),
        backdated=(),
        frames=None,
    )


def difference_of_runs(connection: psycopg.Connection, first: UUID, second: UUID, limit: int | None) -> Difference:
    """What changed from the state that the earlier run published to that of the later one.

    Raises ConfigurationError for a run that published nothing.
    """
    earlier, later = sorted((first, second))
    since, until = run_instant(connection, earlier), run_instant(connection, later)
    backdated = []
    for view in STORED_VIEWS:
        query = sql.SQL(feast_statement("backdated_rows")).format(**_names(view))
        params = {"after": earlier, "until": later, "instant": since}
        backdated += [BackdatedRows(view.name, *row) for row in connection.execute(query, params)]
    difference = difference_of_instants(connection, since, until, limit)
    return replace(difference, kind="runs", before=str(earlier), after=str(later), backdated=tuple(backdated))


def run_instant(connection: psycopg.Connection, run_id: UUID) -> datetime:
    """The features watermark that a run left. Raises ConfigurationError for one that published nothing."""
    row = connection.execute(feast_statement("run_instant"), {"run_id": run_id}).fetchone()
    state, instant = row or (None, None)
    if state is None or state == "refused":
        why = "was refused by its gate" if state else "moved no features" if row else "does not exist"
        raise ConfigurationError(
            f"Run {run_id} {why}, so there is no state of the features that it left",
            "Nothing was compared",
            "`pikkit runs` lists the runs; give one that passed its gate, or an instant",
        )
    assert isinstance(instant, datetime)  # noqa: S101 (a run has a clock)
    return instant


def _view(
    connection: psycopg.Connection,
    view: StoredView,
    since: datetime,
    until: datetime,
    watermark: datetime | None,
    limit: int | None,
) -> DifferingView:
    rows = _rows_between(view)
    counts = sql.SQL(", ").join(
        sql.SQL("count(*) filter (where {} is distinct from {}) as {}").format(
            sql.Identifier(f"before_{name}"), sql.Identifier(f"after_{name}"), sql.Identifier(name)
        )
        for name in view.features
    )
    params = {"since": since, "until": until, "limit": limit, "ttl": view.ttl}
    counted = sql.SQL(feast_statement("rows_between_counts")).format(rows=rows, counts=counts)
    listed = sql.SQL(feast_statement("rows_between_listed")).format(rows=rows)
    with connection.cursor(row_factory=dict_row) as cursor:
        numbers = cursor.execute(counted, params).fetchone() or {}
        differing = cursor.execute(listed, params).fetchall() if numbers["rows"] else []
    expired = (0,)
    if isinstance(view, BetView):
        query = sql.SQL(feast_statement("expired_between")).format(**_names(view))
        expired = connection.execute(query, params).fetchone() or (0,)
    return DifferingView(
        view=view.name,
        rows=numbers["rows"],
        new=numbers["new"],
        expired=expired[0],
        is_served_before=is_served(view, since, watermark),
        is_served_after=is_served(view, until, watermark),
        features={name: numbers[name] for name in view.features if numbers[name]},
        listed=_listed(connection, view, differing, since, until),
    )


def is_served(view: StoredView, at: datetime, watermark: datetime | None) -> bool:
    """Whether anything of a view may be served at an instant (rule R6); single bets go by their own age."""
    return isinstance(view, BetView) or (watermark is not None and at <= watermark + view.ttl)


def _rows_between(view: StoredView) -> sql.Composed:
    both = [(sql.Identifier("before", name), sql.Identifier("after", name), name) for name in view.features]
    features = [
        sql.SQL("{} as {}, {} as {}").format(
            before, sql.Identifier(f"before_{name}"), after, sql.Identifier(f"after_{name}")
        )
        for before, after, name in both
    ]
    differs = [sql.SQL("{} is distinct from {}").format(before, after) for before, after, _ in both]
    return sql.SQL(feast_statement("rows_between")).format(
        **_names(view),
        features=sql.SQL(", ").join(features),
        differs=sql.SQL("before.event_timestamp is null or ") + sql.SQL(" or ").join(differs),
    )


def _listed(
    connection: psycopg.Connection,
    view: StoredView,
    rows: Sequence[dict[str, Any]],
    since: datetime,
    until: datetime,
) -> tuple[DifferingRow, ...]:
    asked = [AskedKey(row["key"], since, until) for row in rows]
    versions = versions_between(connection, view, asked)
    runs = runs_behind(connection, {row["run_id"] for row in rows})
    return tuple(
        DifferingRow(
            key=row["key"],
            before_at=row["before_at"],
            after_at=row["after_at"],
            values=tuple(
                ChangedValue(name, row[f"before_{name}"], row[f"after_{name}"])
                for name in view.features
                if row[f"before_{name}"] != row[f"after_{name}"]
            ),
            written_by=runs.get(row["run_id"]),
            store_has=None,
            versions=tuple(of_row),
            versions_in_all=in_all,
        )
        for row, (of_row, in_all) in zip(rows, versions, strict=True)
    )


# ---- the versions that did it --------------------------------------------------------------------------------------


def versions_between(
    connection: psycopg.Connection, view: StoredView, asked: Sequence[AskedKey]
) -> list[tuple[list[ChangingVersion], int]]:
    """For each key the newest versions that came into its group or left it between its instants, and how many."""
    changing: list[tuple[list[ChangingVersion], int]] = [([], 0) for _ in asked]
    if not asked:
        return changing
    columns = ("id",) if isinstance(view, BetView) else view.group.columns
    parts = [(each.key,) if isinstance(view, BetView) else split_key(each.key) for each in asked]
    query = sql.SQL(feast_statement("versions_between")).format(
        groups=sql.SQL(", ").join(sql.SQL("{}::text[]").format(sql.Placeholder(f"of_{column}")) for column in columns),
        columns=sql.SQL(", ").join(sql.Identifier(f"of_{column}") for column in columns),
        in_group=sql.SQL("({} or {})").format(_is_of_listed("version", columns), _is_of_listed("before", columns)),
    )
    # As text of the query a percent sign in a name would begin a placeholder.
    of_columns = {f"of_{column}": list(names) for column, names in zip(columns, zip(*parts, strict=True), strict=True)}
    params = of_columns | {
        "since": [each.since for each in asked],
        "until": [each.until for each in asked],
        "first": min(each.since for each in asked),
        "last": max(each.until for each in asked),
        "limit": VERSIONS_OF_ROW,
    }
    for place, *version, in_all in connection.execute(query, params):
        versions, _ = changing[place - 1]
        changing[place - 1] = ([*versions, ChangingVersion(*version)], in_all)
    return changing


def _is_of_listed(alias: str, columns: Sequence[str]) -> sql.Composed:
    conditions = [
        sql.SQL("{} is not distinct from {}").format(
            sql.Identifier(alias, column), sql.Identifier("listed", f"of_{column}")
        )
        for column in columns
    ]
    # What replaces nothing has no row before it, which is not a row of nulls.
    return sql.SQL("({} is not null and {})").format(sql.Identifier(alias, "seq"), sql.SQL(" and ").join(conditions))


def _names(view: StoredView) -> dict[str, sql.Composable]:
    return {
        "key": sql.Identifier(view.join_key),
        "changelog": sql.Identifier("features", f"{view.name}_changes"),
    }
