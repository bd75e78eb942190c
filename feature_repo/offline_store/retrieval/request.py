"""What a retrieval requests of each view, as Feast means it: mapped fields, aliases of join keys, whole seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from feature_repo.errors import RowsUnfit
from feature_repo.feast_internals import get_feature_view_query_context
from feature_repo.offline_store.column_types import describe_query
from feature_repo.offline_store.source_table import (
    ViewSource,
    changelog_table,
    source_column_names,
    source_of,
    table_of_view,
)
from feature_repo.sources import CarryForward, carry_forward_of

if TYPE_CHECKING:
    from feast import FeatureView


@dataclass(frozen=True)
class ViewRequest:
    """One view of a retrieval."""

    # as features are named after it with full names
    name: str
    # where its rows are: the changelog for a view that is carried forward, the source's own table or query otherwise
    table: ViewSource
    # columns of the entity frame, in the order of `table.keys`
    join_keys: tuple[str, ...]
    # name in the result -> column of the source
    features: dict[str, str]
    # seconds, 0 for no limit
    ttl: int
    # set where the changelog is read in the place of the view; None where the source is read row by row
    carried: CarryForward | None

    @property
    def columns(self) -> list[str]:
        """The columns that are read, once each."""
        table = self.table
        return list(
            dict.fromkeys([*table.keys, table.instant, *filter(None, [table.created]), *self.features.values()])
        )

    def types(self, connection: psycopg.Connection) -> dict[str, str]:
        """Column -> its server type, of `columns`. Raises RowsUnfit when the source lacks one. Reads no row."""
        types = describe_query(connection, sql.SQL("select * from {} as source").format(self.table.source))
        missing = [column for column in self.columns if column not in types]
        if missing:
            raise RowsUnfit(
                f"The source of {self.name} lacks {', '.join(missing)}; it has {', '.join(types)}",
                "Nothing was read",
                "Bring the view and its source together, and run `feast apply`",
            )
        return {column: types[column] for column in self.columns}


def view_requests(
    refs: list[str],
    views: Sequence[FeatureView],
    registry: Any,
    project: str,
    *,
    full_names: bool,
    expanded: bool = False,
) -> list[ViewRequest]:
    """The request of each view, in Feast's order.

    `refs` are `view:feature`. `full_names`: features are called `view__feature` in the result. `expanded`: a view that
    is carried forward is read row by row, not from its changelog. Raises RowsUnfit for a source outside Postgres.
    """
    never = datetime(2000, 1, 1, tzinfo=UTC)
    contexts = get_feature_view_query_context(refs, list(views), registry, project, (never, never))
    projections: list[Any] = [view.projection for view in views]
    by_name = {projection.name_to_use(): view for projection, view in zip(projections, views, strict=True)}
    return [
        _view_request(by_name[context.name], context, full_names=full_names, expanded=expanded) for context in contexts
    ]


def _view_request(view: FeatureView, context: Any, *, full_names: bool, expanded: bool) -> ViewRequest:
    source, source_names = source_of(view), source_column_names(source_of(view))
    carried, table = carry_forward_of(source), table_of_view(view)
    if carried is not None and (expanded or 0 < context.ttl < carried.step.total_seconds()):
        carried = None
    if carried is not None:
        table = table._replace(source=changelog_table(carried), created=None)
    view_names = {source_names.get(column.name, column.name): column.name for column in view.entity_columns}
    aliases = view.projection.join_key_map
    mapped = {column: context.field_mapping.get(column, column) for column in context.features}
    return ViewRequest(
        context.name,
        table,
        tuple(aliases.get(view_names[key], view_names[key]) for key in table.keys),
        {f"{context.name}__{name}" if full_names else name: column for column, name in mapped.items()},
        context.ttl,
        carried,
    )
