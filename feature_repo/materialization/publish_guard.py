"""What may be served: rows whose run passed its gate, and that are still the ones which passed it (rule R7).

Every change row carries the run that wrote it. `ops.gates` has the judgement over each run, `ops.seals` the digest of
what it wrote in each view; `features.digests` takes that digest anew. `ops.lineage_events` has the run's lineage
record: that it began, and for each view what it wrote that from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg import errors, sql
from psycopg.rows import dict_row

from feature_repo.errors import GateRefused, UnsoundRun
from feature_repo.postgres.queries import feast_statement
from feature_repo.sources import carry_forward_of

if TYPE_CHECKING:
    from feast import FeatureView

_UNCHANGED: Final = "Nothing was written: the online store and the registry are as they were"
_MEND: Final = (
    "`pikkit gate` shows what was judged, `pikkit verify` what differs from the bets; `pikkit backfill` writes the "
    "rows anew, under a gate of its own"
)
_LISTED: Final = 5


class PublishRange(NamedTuple):
    """The event timestamps of a view that are to be copied, both ends included."""

    view: FeatureView
    since: datetime
    until: datetime


class RowToPublish(NamedTuple):
    """What is to be written of one key: its values by feature, from an instant on."""

    key: str
    instant: datetime
    values: Mapping[str, Any]


def require_publishable(connection: psycopg.Connection, ranges: Sequence[PublishRange]) -> None:
    """Raise GateRefused, with every run at fault, when any range holds a row that may not be served."""
    with _fail_closed():
        unsound = {range_.view.name: runs for range_ in ranges if (runs := _unsound_in_range(connection, range_))}
    if unsound:
        raise _refusal(unsound)


def require_sound(connection: psycopg.Connection, views: Iterable[FeatureView], runs: Collection[UUID] | None) -> None:
    """Raise GateRefused when what these runs (None: all) wrote to any of the views may not be served."""
    with _fail_closed():
        unsound = {view.name: unsound_runs for view in views if (unsound_runs := _unsound_runs(connection, view, runs))}
    if unsound:
        raise _refusal(unsound)


def require_published(connection: psycopg.Connection, view: FeatureView, rows: Collection[RowToPublish]) -> None:
    """Raise GateRefused unless every row stands in the view's history, value for value, and may be served."""
    with _fail_closed():
        published = _published(connection, view, rows)
        differing = [problem for row in rows if (problem := _difference(row, published.get((row.key, row.instant))))]
        unsound = _unsound_runs(connection, view, {run for _, run in published.values()})
    if differing:
        raise GateRefused(
            f"{len(differing):,} of {len(rows):,} rows for {view.name} are not published{_list(differing)}",
            _UNCHANGED,
            f"Give rows of features.{view.name} as they stand there: `pikkit run` writes them, and copies them online",
        )
    if unsound:
        raise _refusal({view.name: unsound})


def without_outdated(connection: psycopg.Connection, view: FeatureView, rows: Sequence[RowToPublish]) -> list[int]:
    """The places of the rows that their keys have no newer change after.

    An outdated row of a view that is carried forward would be served as what holds now, where no newer one is online.
    """
    carried = carry_forward_of(view.batch_source)
    if carried is None:
        return [*range(len(rows))]
    (join_key,) = view.join_keys
    query = sql.SQL(feast_statement("newest_changes")).format(
        key=sql.Identifier(join_key), changelog=sql.Identifier(*carried.changelog.split("."))
    )
    newest: dict[str, datetime] = dict(connection.execute(query, {"keys": list({row.key for row in rows})}).fetchall())
    return [place for place, row in enumerate(rows) if row.instant >= newest[row.key]]


# ---- what Postgres knows -----------------------------------------------------------------------------------------


def _unsound_in_range(connection: psycopg.Connection, range_: PublishRange) -> list[UnsoundRun]:
    history = _history(range_.view)
    # Nearly always none; a look at all rows costs less than finding out which of them the range holds.
    if not (unsound := _unsound_runs(connection, range_.view, None)):
        return []
    query = sql.SQL(feast_statement("runs_in_range")).format(history=history)
    runs_in_range = {run_id for (run_id,) in connection.execute(query, {"since": range_.since, "until": range_.until})}
    # Where the rows stood of which nothing is left cannot be known any more: no range is sure to be whole.
    return [run for run in unsound if run.run_id in runs_in_range or run.is_gone]


def _unsound_runs(connection: psycopg.Connection, view: FeatureView, runs: Collection[UUID] | None) -> list[UnsoundRun]:
    params = {"view": view.name, "runs": None if runs is None else list(runs)}
    unsound_runs = connection.execute(feast_statement("unsound_runs"), params)
    return [UnsoundRun(run_id, _reason(*facts), is_gone=facts[-1] == 0) for run_id, *facts in unsound_runs]


def _published(
    connection: psycopg.Connection, view: FeatureView, rows: Collection[RowToPublish]
) -> dict[tuple[str, datetime], tuple[dict[str, Any], UUID]]:
    (join_key,) = view.join_keys
    features = [field.name for field in view.features]
    query = sql.SQL(feast_statement("published_rows")).format(
        key=sql.Identifier(join_key),
        features=sql.SQL(", ").join(map(sql.Identifier, features)),
        history=_history(view),
    )
    params = {"keys": list({row.key for row in rows}), "instants": list({row.instant for row in rows})}
    with connection.cursor(row_factory=dict_row) as cursor:
        return {
            (row[join_key], row["event_timestamp"].astimezone(UTC)): (
                {name: row[name] for name in features},
                row["run_id"],
            )
            for row in cursor.execute(query, params)
        }


def is_history(view: FeatureView) -> bool:
    """Whether the view reads a table of ours, which only runs write."""
    from feature_repo.feast_internals import is_postgres_source

    source: Any = view.batch_source
    # A source that is no table of a database, a file say, has no such name at all.
    return is_postgres_source(source) and str(source.get_table_query_string()).startswith("features.")


def _reads_history_as_it_stands(view: FeatureView) -> bool:
    """Whether what is served of a view are the very values of its history: nothing computed, nothing renamed."""
    source: Any = view.batch_source
    carried = carry_forward_of(source)
    return (
        type(view).__name__ == "FeatureView"
        and not view.source_views
        and source is not None
        and source.get_table_query_string() == f"features.{view.name}"
        and not source.field_mapping
        and (carried is None or carried.changelog == f"features.{view.name}_changes")
        and (source.timestamp_field, source.created_timestamp_column) == ("event_timestamp", "created_timestamp")
    )


def _history(view: FeatureView) -> sql.Identifier:
    """Where the view's rows stand. Only there is known which run wrote a row."""
    if not _reads_history_as_it_stands(view):
        raise GateRefused(
            f"{view.name} does not read features.{view.name} as it is: whether its rows passed a gate cannot be told",
            _UNCHANGED,
            "Declare it as a plain FeatureView whose source is made by feature_repo.sources.history_source, and apply",
        )
    return sql.Identifier("features", view.name)


@contextmanager
def _fail_closed() -> Iterator[None]:
    """What cannot be looked up is refused."""
    try:
        yield
    except (
        errors.UndefinedTable,
        errors.UndefinedFunction,
        errors.UndefinedColumn,
        errors.InsufficientPrivilege,
    ) as error:
        raise GateRefused(
            f"Whether the rows passed their gate cannot be told ({error.diag.message_primary})",
            _UNCHANGED,
            "Run `pikkit migrate`; `pikkit doctor` tells which rights POSTGRES_USER lacks",
        ) from error


def _difference(row: RowToPublish, published: tuple[dict[str, Any], UUID] | None) -> str | None:
    # repr: a key may hold line breaks and escape sequences
    row_named = f"{row.key!r} at {row.instant:%Y-%m-%dT%H:%M:%S.%fZ}"
    if published is None:
        return f"nothing is published of {row_named}"
    return None if published[0] == row.values else f"{row_named} is published with other values"


# ---- words -------------------------------------------------------------------------------------------------------


def _reason(state: str | None, has_lineage: bool, sealed_rows: int | None, rows: int) -> str:
    if state is None:
        return "no gate judged it"
    if state == "refused":
        return "its gate refused it"
    if sealed_rows is None:
        return "its gate passed no row of this view"
    if not has_lineage:
        return "its lineage is not on record"
    if sealed_rows != rows:
        return f"{rows:,} rows instead of the {sealed_rows:,} that passed its gate"
    return f"of its {rows:,} rows, some are not as they passed its gate"


def _refusal(unsound: Mapping[str, Sequence[UnsoundRun]]) -> GateRefused:
    unsound = dict(sorted(unsound.items()))
    runs = {run.run_id for of_view in unsound.values() for run in of_view}
    lines = [f"{view}: run {run.run_id}: {run.reason}" for view, of_view in unsound.items() for run in of_view]
    return GateRefused(
        f"{', '.join(unsound)}: rows of {'one run' if len(runs) == 1 else f'{len(runs):,} runs'} "
        f"did not pass a quality gate, have no lineage record, or are not as they were when they passed{_list(lines)}",
        _UNCHANGED,
        _MEND,
        runs=unsound,
    )


def _list(lines: Sequence[str]) -> str:
    rest = [f"... and {len(lines) - _LISTED:,} more"] if len(lines) > _LISTED else []
    return "".join(f"\n  - {line}" for line in [*lines[:_LISTED], *rest])
