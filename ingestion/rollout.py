"""Whether a store is up to what this code declares: migrations, tables, Feast's registry, rows that it computed itself.

A changed view goes out in this order, and each step is named by whoever finds it undone (`run`, `status`, `doctor`):
migrate (columns) -> apply (registry) -> backfill (rows, and the copy online). Reads only, and without Feast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import psycopg

from feature_repo.groups import STORED_VIEWS
from feature_repo.online.layout import varint
from ingestion.database import statement
from ingestion.errors import ConfigurationError
from ingestion.migrate import check_migrated

# What Feast calls the types of the columns that it reads without rounding or surprises.
COLUMN_TYPES: Final = {
    "double precision": "Float64",
    "bigint": "Int64",
    "text": "String",
    "boolean": "Bool",
}

# Field numbers of Feast's messages FeatureView, FeatureViewSpec and FeatureSpecV2, and of protobuf's Duration.
_SPEC: Final = 1
_FEATURES, _TTL = 4, 6
_NAME: Final = 1
_SECONDS: Final = 1


class RegisteredView(NamedTuple):
    """A feature view as Feast's registry holds it."""

    features: frozenset[str]
    ttl: timedelta


def check_prepared(connection: psycopg.Connection) -> None:
    """Raise ConfigurationError when the store's schema or Feast's registry is not up to this code."""
    check_readable(connection)
    if missing := missing_columns(connection):
        raise ConfigurationError(
            f"The store has no column for features that are declared: {', '.join(missing)}",
            "Nothing was done",
            "Add them in a new file of ingestion/sql/migrations, then run `pikkit migrate`, `pikkit apply` and "
            "`pikkit backfill`",
        )
    if missing := unapplied(connection):
        raise ConfigurationError(
            f"Feast's registry has other features or another TTL for {', '.join(missing)} than feature_repo/",
            "Nothing was done",
            "Run `pikkit apply`",
        )


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
    """The stored views that Feast's registry does not have, or has with other features or another TTL."""
    registered = registered_views(connection)
    declared = {view.name: RegisteredView(frozenset(view.features), view.ttl) for view in STORED_VIEWS}
    return [name for name, view in declared.items() if registered.get(name) != view]


def registered_views(connection: psycopg.Connection) -> dict[str, RegisteredView]:
    """The feature views of Feast's registry; none where it has no tables."""
    with connection.transaction():
        exists = connection.execute("select to_regclass('feast.feature_views') is not null").fetchone()
        rows = connection.execute(statement("registered_views")).fetchall() if exists == (True,) else []
    return {name: _registered_view(bytes(message)) for name, message in rows}


def _registered_view(message: bytes) -> RegisteredView:
    """What a serialized FeatureView says. Importing Feast for it would take seconds."""
    spec = next((value for number, value in _fields(message) if number == _SPEC), b"")
    parts = list(_fields(spec))
    names = [name for number, feature in parts if number == _FEATURES for at, name in _fields(feature) if at == _NAME]
    seconds = [value for number, ttl in parts if number == _TTL for at, value in _fields(ttl) if at == _SECONDS]
    return RegisteredView(
        frozenset(name.decode() for name in names), timedelta(seconds=varint(seconds[0], 0)[0] if seconds else 0)
    )


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each field of a protobuf message, in order; of a number the bytes of its varint."""
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        kind = tag & 7
        if kind == 0:
            end = varint(message, at)[1]
        elif kind == 2:
            length, at = varint(message, at)
            end = at + length
        else:
            end = at + (8 if kind == 1 else 4)
        yield tag >> 3, message[at:end]
        at = end
