"""Where Feast reads a view from. One factory: another offline store means another line here, and nothing elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from feature_repo.declarations.views import GroupedView

if TYPE_CHECKING:
    from feast.data_source import DataSource
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

    from feature_repo.declarations.views import BetView

_CHANGES: Final = "pikkit.changes"
_STEP: Final = "pikkit.step_seconds"


class CarryForward(NamedTuple):
    """How a source carries its rows forward: each change again every `step`, until the next change or the watermark.

    So the last change of a key tells alone what holds for it up to the watermark; the rows in between need not be read.
    """

    # the table of change rows, as `schema.table`
    changelog: str
    # the TTL of the view
    step: timedelta


def history_source(view: GroupedView | BetView) -> PostgreSQLSource:
    """The rows of `features.<view>`: what held for each key, and from when on.

    `created_timestamp` equals `event_timestamp`: a row could first be known when it came to hold, so Feast's
    `filter_by_created_timestamp` takes nothing away.
    """
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

    grouped = isinstance(view, GroupedView)
    return PostgreSQLSource(
        name=view.name,
        table=f"features.{view.name}",
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
        description=f"History of {view.name}. Written by `pikkit run`.",
        # Feast keeps tags with the source, and nothing else of ours.
        tags={_CHANGES: f"features.{view.name}_changes", _STEP: f"{view.ttl.total_seconds():.0f}"} if grouped else {},
    )


def carry_forward_of(source: DataSource | None) -> CarryForward | None:
    """How the source carries its rows forward; None for one that does not."""
    tags = source.tags if source is not None else {}
    return CarryForward(tags[_CHANGES], timedelta(seconds=int(tags[_STEP]))) if _CHANGES in tags else None
