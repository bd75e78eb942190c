"""The intervals that Feast's registry remembers to have been copied, kept short.

Feast appends one interval per view and materialization and never forgets any, so every apply and every read of the
registry becomes slower with each refresh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from feature_repo.feast_internals import BaseRegistry, FeatureViewMeta, SqlRegistry

Interval = tuple[datetime, datetime]

# Feast itself asks for the newest end only; the others are for whoever wonders what was copied lately.
KEPT_INTERVALS: Final = 10


def merge_intervals(intervals: Iterable[Interval]) -> list[Interval]:
    """The newest intervals, oldest first, those that overlap or touch as one. The newest end of all is kept.

    An interval that ends before it starts, as Feast makes for a time before the last end, held nothing.
    """
    merged: list[Interval] = []
    for start, end in sorted(interval for interval in intervals if interval[0] <= interval[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged[-KEPT_INTERVALS:]


def record_interval(registry: BaseRegistry, project: str, view: str, interval: Interval) -> None:
    """Note that an interval of the view was copied; the view's definition stays as it stands in the registry.

    Feast's own `apply_materialization` writes back the definition it read, and sets a state, because of which the next
    materialization would write back the definition that it had loaded before it had the run lock. A view without a
    state is served, and left alone. In a registry that is no database there is but Feast's way.
    """
    from feature_repo.feast_internals import SqlRegistry

    if isinstance(registry, SqlRegistry):
        _change(registry, project, view, lambda intervals: [*intervals, interval])
    else:
        registry.apply_materialization(cast(Any, registry.get_any_feature_view(view, project)), project, *interval)


def cut_intervals(registry: SqlRegistry, project: str, view: str, until: datetime) -> None:
    """Note that nothing of the view was copied past an instant, after a clock that ran ahead had said so."""
    _change(registry, project, view, lambda intervals: [(start, min(end, until)) for start, end in intervals])


def _change(
    registry: SqlRegistry, project: str, view: str, change: Callable[[list[Interval]], Iterable[Interval]]
) -> None:
    from feature_repo.feast_internals import (
        FeatureViewMessage,
        StreamFeatureViewMessage,
        feature_views_table,
        forget_cached_registry,
        stream_feature_views_table,
    )

    with registry.write_engine.begin() as connection:
        for table, message in (
            (feature_views_table, FeatureViewMessage),
            (stream_feature_views_table, StreamFeatureViewMessage),
        ):
            if _note(connection, table, message, project, view, change):
                break
    forget_cached_registry(registry)


def _note(
    connection: Any,
    table: Any,
    message_type: Any,
    project: str,
    view: str,
    change: Callable[[list[Interval]], Iterable[Interval]],
) -> bool:
    """Change the intervals where the view stands in this table of the registry; whether it does."""
    from sqlalchemy import select

    row_of_view = (table.c.feature_view_name == view) & (table.c.project_id == project)
    stored = connection.execute(
        select(table.c.feature_view_proto).where(row_of_view).with_for_update()
    ).scalar_one_or_none()
    if stored is None:
        return False
    message, now = message_type.FromString(stored), datetime.now(UTC)
    _set_intervals(message.meta, merge_intervals(change(_intervals(message.meta))))
    message.meta.ClearField("state")
    message.meta.last_updated_timestamp.FromDatetime(now)
    connection.execute(
        table.update()
        .where(row_of_view)
        .values(feature_view_proto=message.SerializeToString(), last_updated_timestamp=int(now.timestamp()))
    )
    return True


def _intervals(meta: FeatureViewMeta) -> list[Interval]:
    return [
        (interval.start_time.ToDatetime(UTC), interval.end_time.ToDatetime(UTC))
        for interval in meta.materialization_intervals
    ]


def _set_intervals(meta: FeatureViewMeta, intervals: Iterable[Interval]) -> None:
    del meta.materialization_intervals[:]
    for start, end in intervals:
        added = meta.materialization_intervals.add()
        added.start_time.FromDatetime(start)
        added.end_time.FromDatetime(end)
