"""Feast's registry after many hourly refreshes: how long an apply and a read of the definitions take.

    python -m benchmarks.registry [refreshes]

Each refresh copies one instant of every stored view, as grouped views are copied, and records it. Ours keeps a short
list of windows; Feast's own bookkeeping, which is measured beside it with as many windows per view, keeps them all.
Medians of several rounds, after 10 refreshes and after many; the ratio is what must stay near 1.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from feast import FeatureView

from benchmarks.measuring import Row, Sample, show
from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.materialization.intervals import Interval, merge_intervals, record_intervals
from feature_repo.servers.connections import Connections
from feature_repo.store import store_at
from ingestion.database.access import connect
from ingestion.database.apply import apply_declarations
from ingestion.database.migrate import apply_migrations, create_registry
from ingestion.embedded import servers
from tests.rigs.keeper import temporary_homes

START = datetime(2026, 1, 1, tzinfo=UTC)
FEW, ROUNDS = 10, 7
WORKS = ("apply", "read all views", "record a refresh")
DECLARED: list[FeatureView] = [
    getattr(import_module(f"feature_repo.views.{view.name}"), view.name) for view in STORED_VIEWS
]


def compare(refreshes: int) -> list[Row]:
    """Print and return both ways, each after many refreshes against itself after few."""
    rows = []
    with temporary_homes() as homes:
        connections = servers.start_servers(homes / "home")
        with connect(connections.postgres, purpose="benchmark") as connection:
            apply_migrations(connection)
        create_registry(connections.postgres)
        apply_declarations(connections)
        store = store_at(connections)
        for name, record, upto in (
            ("windows kept short", _record, _refreshed),
            ("Feast's own", _record_as_feast, _grown),
        ):
            before = measured(connections, store, record, upto(store, FEW))
            after = measured(connections, store, record, upto(store, refreshes))
            for work, early, late in zip(WORKS, before, after, strict=True):
                ours, first = Sample(f"after {refreshes:,}", late), Sample(f"after {FEW}", early)
                rows.append(Row(f"{work}, {name}", ours, first))
    show(f"registry of {len(STORED_VIEWS)} stored views, after so many refreshes", rows)
    return rows


def measured(
    connections: Connections, store: Any, record: Callable[[Any, int], None], hour: int
) -> list[tuple[float, ...]]:
    """Seconds of each of WORKS, round by round."""
    works: list[Callable[[int], Any]] = [
        lambda _: apply_declarations(connections),
        lambda _: store.registry.list_feature_views(store.project),
        lambda number: record(store, hour + number),
    ]
    return [tuple(timed(work, number) for number in range(ROUNDS)) for work in works]


def timed(work: Callable[[int], Any], number: int) -> float:
    """Seconds that something takes in its round of this number, with the declarations as a new process has them."""
    for view in DECLARED:
        view.materialization_intervals = []  # an apply leaves the registered ones in them, and would write them back
    started = time.perf_counter()
    work(number)
    return time.perf_counter() - started


def _record(store: Any, hour: int) -> None:
    instant = START + timedelta(hours=hour)
    for view in STORED_VIEWS:
        record_intervals(store.registry, store.project, {view.name: (instant, instant)})


def _record_as_feast(store: Any, hour: int) -> None:
    instant = START + timedelta(hours=hour)
    for view in STORED_VIEWS:
        registered = store.registry.get_feature_view(view.name, store.project)
        store.registry.apply_materialization(registered, store.project, instant, instant)


def _refreshed(store: Any, refreshes: int) -> int:
    """What as many refreshes leave behind, window after window. Returns the next hour."""
    kept: list[Interval] = []
    for hour in range(refreshes):
        instant = START + timedelta(hours=hour)
        kept = merge_intervals([*kept, (instant, instant)])
    _leave(store, kept)
    return refreshes


def _grown(store: Any, refreshes: int) -> int:
    """The same with Feast's own bookkeeping, which forgets nothing."""
    hours = [START + timedelta(hours=hour) for hour in range(refreshes)]
    _leave(store, [(hour, hour) for hour in hours])
    return refreshes


def _leave(store: Any, intervals: list[Interval]) -> None:
    # Written at once: refresh by refresh, ten thousand take hours with Feast.
    for view in STORED_VIEWS:
        registered = store.registry.get_feature_view(view.name, store.project)
        registered.materialization_intervals = intervals
        store.registry.apply_feature_view(registered, store.project)


if __name__ == "__main__":
    compare(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
