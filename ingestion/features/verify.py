"""Rule R3 on the live store: a replay of the whole log against the change rows, the group state and the online
values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import psycopg
from psycopg import sql

from feature_repo.clock import stopped_at
from feature_repo.declarations.features import RECENT_LONG
from feature_repo.declarations.views import STORED_VIEWS, BetView, GroupedView
from feature_repo.postgres.copy import copy_out
from feature_repo.postgres.queries import feast_statement
from ingestion.database.access import statement
from ingestion.features.full_replay import comparison_query, replay_log
from ingestion.features.last_n import RecentBets
from ingestion.features.refresh import decoded
from ingestion.features.replay import STATE_SCHEMA, MemoryStates
from ingestion.features.running_sums import SUMS
from ingestion.progress import Progress, silent

if TYPE_CHECKING:
    from feast import FeatureStore

_View = GroupedView | BetView

# Keys asked of the online store at once.
ONLINE_BATCH: Final = 500


@dataclass(frozen=True)
class Comparison:
    """How many rows were compared, and how many are missing, surplus or different."""

    name: str
    rows: int
    differences: int


def verify_offline(connection: psycopg.Connection, progress: Progress = silent) -> Iterator[Comparison]:
    """Compare every view's change rows, and the group state, with a replay of the whole log; then what is on record of
    the features with what runs wrote. Changes nothing.
    """
    states = replay_log(connection, progress)
    for view in STORED_VIEWS:
        yield Comparison(view.name, *_row(connection, comparison_query("count_differences", view)))
    yield _compare_state(connection, states)
    yield Comparison("bet_counts", *_row(connection, sql.SQL(statement("count_differing_bet_counts"))))
    yield _compare_versions(connection)


def _compare_versions(connection: psycopg.Connection) -> Comparison:
    """What features.feature_metadata says of each stored feature: how many change rows runs wrote, and their digest."""
    views, features = zip(*((view.name, feature) for view in STORED_VIEWS for feature in view.features), strict=True)
    query, listed = sql.SQL(statement("count_differing_versions")), {"views": list(views), "features": list(features)}
    return Comparison("feature_metadata", *_row(connection, query, listed))


def _compare_state(connection: psycopg.Connection, states: MemoryStates) -> Comparison:
    """The sums of every group, and of sport_market groups the bets that the windows can see and their number."""
    stored = copy_out(connection, sql.SQL(statement("all_group_sums")), None, STATE_SCHEMA)
    # A group whose every change cancelled out may have a row of zeros, or none.
    something = pl.any_horizontal(pl.col(*SUMS) != 0)
    recent = copy_out(connection, sql.SQL(statement("all_recent")), None, {"key": pl.String(), "recent": pl.String()})
    differing = pl.concat(
        [
            _unlike(stored, states.all_sums().filter(something)).select("key"),
            _unlike(_windows_of(decoded(recent)), _windows_of(states.all_recent())).select("key"),
        ]
    )
    return Comparison("group_state", stored.height, differing.height)


def _windows_of(state: RecentBets) -> pl.DataFrame:
    """One row per group: how many graded bets it has, and the newest RECENT_LONG of them."""
    newest = (
        state.bets.sort("key", "stood_at", "id")
        .group_by("key")
        .agg(held=pl.len().cast(pl.Int64), newest=pl.struct("stood_at", "id", "won", "seq").tail(RECENT_LONG))
    )
    counted = newest.join(state.older, on="key", how="left").with_columns(
        count=pl.col("held") + pl.col("older").fill_null(0)
    )
    return counted.select("key", "count", pl.col("newest").list.eval(pl.element().struct.json_encode()).list.join(""))


def _unlike(stored: pl.DataFrame, replayed: pl.DataFrame) -> pl.DataFrame:
    """One row per group that only one side has, or that they have differently."""
    columns, key = stored.columns, [name for name in ("grouping", "key") if name in stored.columns]
    either = [stored.join(replayed, on=columns, how="anti"), replayed.join(stored, on=columns, how="anti")]
    return pl.concat(either).unique(key)


def verify_online(
    connection: psycopg.Connection, store: FeatureStore, progress: Progress = silent
) -> Iterator[Comparison]:
    """Compare what should be served at the features watermark, the newest row of every key, with what is served then.

    How long ago that was plays no part: `status` tells it.
    """
    (watermark,) = _row(connection, sql.SQL(feast_statement("features_watermark")))
    for done, view in enumerate(STORED_VIEWS):
        progress("online", done, len(STORED_VIEWS))
        newest, differences = _newest_rows(connection, view), 0
        with stopped_at(watermark):
            for start in range(0, len(newest), ONLINE_BATCH):
                differences += _count_online_differences(store, view, newest[start : start + ONLINE_BATCH])
        yield Comparison(f"{view.name} online", len(newest), differences)
    progress("online", len(STORED_VIEWS), len(STORED_VIEWS))


def _newest_rows(connection: psycopg.Connection, view: _View) -> list[tuple[Any, ...]]:
    query = sql.SQL(statement("newest_rows")).format(
        table=sql.Identifier("features", f"{view.name}_changes"),
        key=sql.Identifier(view.join_key),
        columns=sql.SQL(", ").join(map(sql.Identifier, (view.join_key, *view.features))),
    )
    # A group's newest row is true until the watermark; a bet is served for the TTL.
    return connection.execute(query, {"ttl": view.ttl if isinstance(view, BetView) else None}).fetchall()


def _count_online_differences(store: FeatureStore, view: _View, rows: list[tuple[Any, ...]]) -> int:
    served = store.get_online_features(
        features=[f"{view.name}:{feature}" for feature in view.features],
        entity_rows=[{view.join_key: row[0]} for row in rows],
    ).to_dict()
    columns = [served[name] for name in (view.join_key, *view.features)]
    return sum(stored != given for stored, given in zip(rows, zip(*columns, strict=True), strict=True))


def _row(
    connection: psycopg.Connection, query: sql.SQL | sql.Composed, params: Mapping[str, Any] | None = None
) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(query, params).fetchone()
    if row is None:
        raise LookupError("no row")
    return row
