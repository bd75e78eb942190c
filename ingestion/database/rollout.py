"""Whether a store is up to what this code declares: migrations, tables, Feast's registry, rows that it computed itself.

A changed view goes out in this order, and each step is named by whoever finds it undone (`run`, `status`, `doctor`):
migrate (columns) -> apply (registry) -> backfill (rows, and the copy online). Reads only, and without Feast.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache
from typing import Final, NamedTuple

import psycopg

from feature_repo.declarations.views import ON_DEMAND_DECLARATIONS, STORED_VIEWS
from feature_repo.errors import ConfigurationError
from feature_repo.online_store.protobuf import decode_varint
from feature_repo.store import REPOSITORY
from ingestion.database.access import statement
from ingestion.database.migrate import check_migrated

# What Feast calls the types of the columns that it reads without rounding or surprises.
COLUMN_TYPES: Final = {
    "double precision": "Float64",
    "bigint": "Int64",
    "text": "String",
    "boolean": "Bool",
}

# Field numbers of Feast's messages FeatureView, FeatureViewSpec and FeatureSpecV2, and of protobuf's Duration.
_SPEC: Final = 1
_FEATURES, _TTL, _SOURCE_VIEWS, _TRANSFORMATION = 4, 6, 14, 15
_NAME: Final = 1
_SECONDS: Final = 1
# The same of OnDemandFeatureViewSpec, FeatureTransformationV2 and UserDefinedFunctionV2.
_ON_DEMAND_TRANSFORMATION, _MODE = 10, 11
_NOT_OF_BATCHES: Final = {12, 15, 16}  # write_to_online_store, singleton, aggregations: absent where they are false
_USER_DEFINED_FUNCTION: Final = 1
_BODY_TEXT: Final = 3

# The tables of Feast's registry that hold views of this repository.
STORED, ON_DEMAND = "feature_views", "on_demand_feature_views"


class RegisteredMessage(NamedTuple):
    """A view of any kind in Feast's registry: its table, the name of its row, and its serialized message."""

    kind: str
    name: str
    message: bytes


class RegisteredView(NamedTuple):
    """A feature view as Feast's registry holds it. `computes`: something is stored that its rows are computed by."""

    name: str
    features: frozenset[str]
    ttl: timedelta
    computes: bool


class RegisteredFunction(NamedTuple):
    """An on-demand view as Feast's registry holds it: its name in the message, and the source of its function, which is
    `plain` where it computes batches in Python and nothing besides.
    """

    name: str
    source: str
    plain: bool


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
            f"Feast's registry has other features, another TTL or function for {', '.join(missing)} than feature_repo/",
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
    """The views that Feast's registry does not have, or has otherwise than they are declared: with other features,
    another TTL, another function, or another name in the message than in the row.
    """
    stored = {
        view.name: RegisteredView(view.name, frozenset(view.features), view.ttl, computes=False)
        for view in STORED_VIEWS
    }
    on_demand = {name: RegisteredFunction(name, source, plain=True) for name, source in declared_sources().items()}
    messages = registered_messages(connection)
    registered = _views_in(messages)
    functions = {one.name: _registered_function(one.message) for one in messages if one.kind == ON_DEMAND}
    return [
        *(name for name, view in stored.items() if registered.get(name) != view),
        *(name for name, function in on_demand.items() if functions.get(name) != function),
    ]


def misnamed(connection: psycopg.Connection) -> list[str]:
    """The rows of views in Feast's registry whose message has another name, which Feast never writes."""
    return [one.name for one in registered_messages(connection) if _name(_spec(one.message)) != one.name]


def registered_views(connection: psycopg.Connection) -> dict[str, RegisteredView]:
    """The feature views of Feast's registry, by the names of their rows; none where it has no tables."""
    return _views_in(registered_messages(connection))


def registered_messages(connection: psycopg.Connection) -> list[RegisteredMessage]:
    """The views of Feast's registry, of every kind; none where it has no tables."""
    with connection.transaction():
        exists = connection.execute(
            "select to_regclass('feast.feature_views') is not null and to_regclass('feast.label_views') is not null"
        ).fetchone()
        rows = connection.execute(statement("registered_messages")).fetchall() if exists == (True,) else []
    return [RegisteredMessage(kind, name, bytes(message)) for kind, name, message in rows]


@cache
def declared_sources() -> dict[str, str]:
    """On-demand view -> the source of its function in feature_repo/on_demand.py, which is called `_<view>` there."""
    text = (REPOSITORY / "feature_repo" / "on_demand.py").read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    functions = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    nodes = {name: functions[f"_{name}"] for name in ON_DEMAND_DECLARATIONS}
    return {name: "".join(lines[node.lineno - 1 : node.end_lineno]) for name, node in nodes.items()}


def _views_in(messages: Sequence[RegisteredMessage]) -> dict[str, RegisteredView]:
    return {one.name: _registered_view(one.message) for one in messages if one.kind == STORED}


def _registered_view(message: bytes) -> RegisteredView:
    """What a serialized FeatureView says. Importing Feast for it would take seconds."""
    spec = _spec(message)
    parts = list(_fields(spec))
    names = [name for number, feature in parts if number == _FEATURES for at, name in _fields(feature) if at == _NAME]
    seconds = [value for number, value in _fields(_part(spec, _TTL)) if number == _SECONDS]
    return RegisteredView(
        _name(spec),
        frozenset(name.decode() for name in names),
        timedelta(seconds=decode_varint(seconds[-1], 0)[0] if seconds else 0),
        computes=any(number in (_SOURCE_VIEWS, _TRANSFORMATION) for number, _ in parts),
    )


def _registered_function(message: bytes) -> RegisteredFunction:
    """What a serialized OnDemandFeatureView says. A function of another kind than ours has no source here."""
    spec = _spec(message)
    transformation = list(_fields(_part(spec, _ON_DEMAND_TRANSFORMATION)))
    is_one = {number for number, _ in transformation} == {_USER_DEFINED_FUNCTION}
    function = b"".join(value for _, value in transformation) if is_one else b""
    plain = _text(spec, _MODE) == "python" and not any(number in _NOT_OF_BATCHES for number, _ in _fields(spec))
    return RegisteredFunction(_name(spec), _text(function, _BODY_TEXT), plain)


def _spec(message: bytes) -> bytes:
    return _part(message, _SPEC)


def _name(spec: bytes) -> str:
    return _text(spec, _NAME)


def _part(message: bytes, wanted: int) -> bytes:
    """A message within another. Where it is written several times, protobuf merges them, as if they were one."""
    return b"".join(value for number, value in _fields(message) if number == wanted)


def _text(message: bytes, wanted: int) -> str:
    """A text within a message; the last one counts."""
    return next((value for number, value in reversed([*_fields(message)]) if number == wanted), b"").decode()


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each field of a protobuf message, in order; of a number the bytes of its varint."""
    at = 0
    while at < len(message):
        tag, at = decode_varint(message, at)
        kind = tag & 7
        if kind == 0:
            end = decode_varint(message, at)[1]
        elif kind == 2:
            length, at = decode_varint(message, at)
            end = at + length
        else:
            end = at + (8 if kind == 1 else 4)
        yield tag >> 3, message[at:end]
        at = end
