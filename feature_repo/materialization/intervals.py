"""The intervals that Feast's registry remembers to have been copied, kept short.

Feast appends one interval per view and materialization and never forgets any, so every apply and every read of the
registry becomes slower with each refresh.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from feature_repo.feast_internals import BaseRegistry, FeatureViewMeta, SqlRegistry

Interval = tuple[datetime, datetime]
# From a view and the intervals that are noted of it to those that are to be.
_Change = Callable[[str, list[Interval]], Iterable[Interval]]

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


def record_intervals(registry: BaseRegistry, project: str, intervals: Mapping[str, Interval]) -> None:
    """Note of each view that an interval was copied; the definitions stay as they stand in the registry.

    Feast's own `apply_materialization` writes back the definition it read, and sets a state, because of which the next
    materialization would write back the definition that it had loaded before it had the run lock. A view without a
    state is served, and left alone. In a registry that is no database there is but Feast's way.
    """
    from feature_repo.feast_internals import SqlRegistry

    if isinstance(registry, SqlRegistry):
        _change(registry, project, intervals, lambda view, noted: [*noted, intervals[view]])
    else:
        for view, interval in intervals.items():
            registry.apply_materialization(cast(Any, registry.get_any_feature_view(view, project)), project, *interval)


def cut_intervals(registry: SqlRegistry, project: str, views: Collection[str], until: datetime) -> None:
    """Note that nothing of the views was copied past an instant, after a clock that ran ahead had said so."""
    _change(registry, project, views, lambda _, noted: [(start, min(end, until)) for start, end in noted])


def _change(registry: SqlRegistry, project: str, views: Collection[str], change: _Change) -> None:
    from feature_repo.feast_internals import (
        FeatureViewMessage,
        StreamFeatureViewMessage,
        feature_views_table,
        forget_cached_registry,
        stream_feature_views_table,
    )

    with registry.write_engine.begin() as connection:
        missing = {*views} - _note(connection, feature_views_table, FeatureViewMessage, project, views, change)
        if missing:
            _note(connection, stream_feature_views_table, StreamFeatureViewMessage, project, missing, change)
    forget_cached_registry(registry)


def _note(
    connection: Any, table: Any, message_type: Any, project: str, views: Collection[str], change: _Change
) -> set[str]:
    """Change the intervals of the views that stand in this table of the registry; returns which do."""
    from sqlalchemy import bindparam, select

    name, of_project = table.c.feature_view_name, table.c.project_id == project
    stored = connection.execute(
        select(name, table.c.feature_view_proto).where(name.in_(views), of_project).order_by(name).with_for_update()
    ).all()
    now = datetime.now(UTC)
    changed = [
        {"view": view, "message": _noted(message_type.FromString(message), partial(change, view), now)}
        for view, message in stored
    ]
    if changed:
        values = {"feature_view_proto": bindparam("message"), "last_updated_timestamp": int(now.timestamp())}
        connection.execute(table.update().where(name == bindparam("view"), of_project).values(values), changed)
    return {view for view, _ in stored}


def _noted(message: Any, change: Callable[[list[Interval]], Iterable[Interval]], now: datetime) -> bytes:
    """The message of a view with its intervals changed, serialized."""
    _set_intervals(message.meta, merge_intervals(change(_intervals(message.meta))))
    message.meta.ClearField("state")
    message.meta.last_updated_timestamp.FromDatetime(now)
    serialized: bytes = message.SerializeToString()
    return serialized


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
