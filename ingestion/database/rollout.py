"""Whether a store is up to what this code declares: migrations, tables, Feast's registry, rows that it computed itself.

A changed view goes out in this order, and each step is named by whoever finds it undone (`run`, `status`, `doctor`):
migrate (columns) -> apply (registry) -> backfill (rows, and the copy online). Reads only, and without Feast.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import psycopg

from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import ConfigurationError
from feature_repo.on_demand_functions import ON_DEMAND_FUNCTIONS
from ingestion.database.access import statement
from ingestion.database.migrate import check_migrated
from ingestion.database.registered_views import (
    RegisteredFunction,
    RegisteredView,
    functions_in,
    registered_messages,
    registered_views,
    views_in,
)

# What Feast calls the types of the columns that it reads without rounding or surprises.
COLUMN_TYPES: Final = {
    "double precision": "Float64",
    "bigint": "Int64",
    "text": "String",
    "boolean": "Bool",
}


@dataclass(frozen=True)
class RolloutGap:
    """Something that this code declares and a store is not up to: the words of every error, warning and check on it."""

    #: A clause: "the store has no column for sport_stats.sport_roi".
    clause: str
    #: What closes the gap, as a sentence without its full stop: "Run `pikkit apply`".
    next_step: str

    @property
    def what(self) -> str:
        """The clause as the beginning of a sentence."""
        return self.clause[0].upper() + self.clause[1:]


def columns_gap(features: Sequence[str]) -> RolloutGap:
    """Of features without a column (`missing_columns`)."""
    return RolloutGap(
        f"the store has no column for {', '.join(features)}",
        "Add them in a new file of ingestion/sql/migrations, then run `pikkit migrate`, `pikkit apply` and "
        "`pikkit backfill`",
    )


def registry_gap(views: Sequence[str]) -> RolloutGap:
    """Of views that Feast's registry lacks, or has otherwise (`unapplied`)."""
    return RolloutGap(
        f"Feast's registry does not have {', '.join(views)} as feature_repo/ declares it", "Run `pikkit apply`"
    )


def definitions_gap(features: Sequence[str]) -> RolloutGap:
    """Of features with rows of another definition (`redefined_features` of ingestion/features/feature_versions.py).

    A view of which all are is named in place of its features.
    """
    named = list(features)
    for view in STORED_VIEWS:
        of_view = [f"{view.name}.{name}" for name in view.features]
        if set(of_view) <= set(features):
            named = list(dict.fromkeys(view.name if name in of_view else name for name in named))
    return RolloutGap(
        f"the definition of {', '.join(named)} changed since their rows were written", "Run `pikkit backfill`"
    )


def check_prepared(connection: psycopg.Connection) -> None:
    """Raise ConfigurationError when the store's schema or Feast's registry is not up to this code."""
    check_readable(connection)
    if features := missing_columns(connection):
        gap = columns_gap(features)
        raise ConfigurationError(gap.what, "Nothing was done", gap.next_step)
    if views := unapplied(connection):
        gap = registry_gap(views)
        raise ConfigurationError(gap.what, "Nothing was done", gap.next_step)


def check_readable(connection: psycopg.Connection) -> None:
    """Raise ConfigurationError when migrations are pending, or when Feast's registry lacks views altogether.

    Views that changed since they were applied are read on as they were.
    """
    check_migrated(connection)
    registered = registered_views(connection)
    if missing := [view.name for view in STORED_VIEWS if view.name not in registered]:
        raise ConfigurationError(
            f"Feast's registry lacks views: {', '.join(missing)}", "Nothing was done", "Run `pikkit apply`"
        )


def missing_columns(connection: psycopg.Connection) -> list[str]:
    """The declared features without a column in the tables of their view, as `<view>.<feature>`."""
    relations = [f"features.{view.name}{suffix}" for view in STORED_VIEWS for suffix in ("", "_changes")]
    columns = relation_columns(connection, relations)
    return [
        f"{view.name}.{feature}"
        for view in STORED_VIEWS
        for feature in view.features
        if not all(feature in columns[f"features.{view.name}{suffix}"] for suffix in ("", "_changes"))
    ]


def relation_columns(connection: psycopg.Connection, relations: Sequence[str]) -> dict[str, dict[str, str]]:
    """The columns of each relation with their types; none for one that does not exist."""
    columns: dict[str, dict[str, str]] = {relation: {} for relation in relations}
    with connection.transaction():
        rows = connection.execute(statement("relation_columns"), {"relations": list(relations)}).fetchall()
    for relation, column, data_type in rows:
        columns[relation][column] = data_type
    return columns


def unapplied(connection: psycopg.Connection) -> list[str]:
    """The views that Feast's registry does not have, or has otherwise than they are declared: with other features,
    another TTL, another function, or another name in the message than in the row.
    """
    stored = {
        view.name: RegisteredView(view.name, frozenset(view.features), view.ttl, computes=False)
        for view in STORED_VIEWS
    }
    on_demand = {name: RegisteredFunction(name, source, plain=True) for name, source in declared_sources().items()}
    messages = registered_messages(connection)
    registered = views_in(messages)
    functions = functions_in(messages)
    return [
        *(name for name, view in stored.items() if registered.get(name) != view),
        *(name for name, function in on_demand.items() if functions.get(name) != function),
    ]


@cache
def declared_sources() -> dict[str, str]:
    """On-demand view -> the source of its function, as Feast stores it."""
    return {name: inspect.getsource(function) for name, function in ON_DEMAND_FUNCTIONS.items()}
