"""The views in Feast's registry, read from its tables without Feast, which takes seconds to import.

Messages are protobuf; what is needed of them is read by the numbers of their fields. Nothing in them is executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import psycopg

from feature_repo.online_store.protobuf import decode_varint
from ingestion.database.access import statement

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


def misnamed(connection: psycopg.Connection) -> list[str]:
    """The rows of views in Feast's registry whose message has another name, which Feast never writes."""
    return [row.name for row in registered_messages(connection) if _name(_spec(row.message)) != row.name]


def registered_views(connection: psycopg.Connection) -> dict[str, RegisteredView]:
    """The feature views of Feast's registry, by the names of their rows; none where it has no tables."""
    return views_in(registered_messages(connection))


def registered_messages(connection: psycopg.Connection) -> list[RegisteredMessage]:
    """The views of Feast's registry, of every kind; none where it has no tables."""
    with connection.transaction():
        exists = connection.execute(
            "select to_regclass('feast.feature_views') is not null and to_regclass('feast.label_views') is not null"
        ).fetchone()
        rows = connection.execute(statement("registered_messages")).fetchall() if exists == (True,) else []
    return [RegisteredMessage(kind, name, bytes(message)) for kind, name, message in rows]


def views_in(messages: Sequence[RegisteredMessage]) -> dict[str, RegisteredView]:
    """The feature views among these messages, by the names of their rows."""
    return {row.name: _registered_view(row.message) for row in messages if row.kind == STORED}


def functions_in(messages: Sequence[RegisteredMessage]) -> dict[str, RegisteredFunction]:
    """The on-demand views among these messages, by the names of their rows."""
    return {row.name: _registered_function(row.message) for row in messages if row.kind == ON_DEMAND}


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


def _part(message: bytes, field: int) -> bytes:
    """A message within another. Where it is written several times, protobuf merges them, as if they were one."""
    return b"".join(value for number, value in _fields(message) if number == field)


def _text(message: bytes, field: int) -> str:
    """A text within a message; the last one counts."""
    return next((value for number, value in reversed([*_fields(message)]) if number == field), b"").decode()


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
