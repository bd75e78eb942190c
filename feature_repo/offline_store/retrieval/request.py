"""What a retrieval asks of each view, as Feast means it: mapped fields, other names and join keys, whole seconds."""

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
from feature_repo.offline_store.source_table import Origin, changes_of, origin_of, own_names, source_of
from feature_repo.sources import CarryForward, carry_forward_of

if TYPE_CHECKING:
    from feast import FeatureView


@dataclass(frozen=True)
class ViewRequest:
    """One view of a retrieval.

    `join_keys` are columns of the entity frame, in the order of `origin.keys`; `features` are columns of the source by
    their names in the result. `ttl` is in whole seconds, 0 for no limit. A re-asserted source is read from its changes,
    `again`, where that tells the same; otherwise `again` is None.
    """

    name: str
    origin: Origin
    join_keys: tuple[str, ...]
    features: dict[str, str]
    ttl: int
    again: CarryForward | None

    @property
    def columns(self) -> list[str]:
        """The columns that are read, once each."""
        origin = self.origin
        return list(
            dict.fromkeys([*origin.keys, origin.instant, *filter(None, [origin.created]), *self.features.values()])
        )

    def types(self, connection: psycopg.Connection) -> dict[str, str]:
        """The server's types of `columns`. Raises RowsUnfit when the source lacks one."""
        found = describe_query(connection, sql.SQL("select * from {} as source").format(self.origin.source))
        lacking = [column for column in self.columns if column not in found]
        if lacking:
            raise RowsUnfit(
                f"The source of {self.name} lacks {', '.join(lacking)}; it has {', '.join(found)}",
                "Nothing was read",
                "Bring the view and its source together, and run `feast apply`",
            )
        return {column: found[column] for column in self.columns}


def asked(
    refs: list[str],
    views: Sequence[FeatureView],
    registry: Any,
    project: str,
    *,
    full_names: bool,
    expanded: bool = False,
) -> list[ViewRequest]:
    """What is asked of each view, in Feast's order. `expanded` reads re-asserted sources row by row."""
    never = datetime(2000, 1, 1, tzinfo=UTC)
    contexts = get_feature_view_query_context(refs, list(views), registry, project, (never, never))
    projections: list[Any] = [view.projection for view in views]
    by_name = {projection.name_to_use(): view for projection, view in zip(projections, views, strict=True)}
    return [_asked(by_name[context.name], context, full_names=full_names, expanded=expanded) for context in contexts]


def _asked(view: FeatureView, context: Any, *, full_names: bool, expanded: bool) -> ViewRequest:
    source, own = source_of(view), own_names(source_of(view))
    again, origin = carry_forward_of(source), origin_of(view)
    if again is not None and (expanded or 0 < context.ttl < again.step.total_seconds()):
        again = None
    if again is not None:
        origin = origin._replace(source=changes_of(again), created=None)
    called = {own.get(column.name, column.name): column.name for column in view.entity_columns}
    renamed = view.projection.join_key_map
    mapped = {column: context.field_mapping.get(column, column) for column in context.features}
    return ViewRequest(
        context.name,
        origin,
        tuple(renamed.get(called[key], called[key]) for key in origin.keys),
        {f"{context.name}__{name}" if full_names else name: column for column, name in mapped.items()},
        context.ttl,
        again,
    )
