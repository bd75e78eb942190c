"""Rows into Redis, in Feast's layout: columns of values become protobuf messages. The newest row of a key stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import polars as pl

from feature_repo.declarations.groups import GROUPS
from feature_repo.online_store.layout import entity_key, feature_field, key_prefix, timestamp_field
from feature_repo.online_store.protobuf import decode_instant, encode_instant, encode_varint
from feature_repo.online_store.round_trip import WriteBuffer, run_commands
from feature_repo.sources import carry_forward_of

if TYPE_CHECKING:
    from feast import FeatureView

# Rows sent before the answers to them are read.
_BATCH: Final = 2_000
_GROUP_KEYS: Final = [[group.join_key] for group in GROUPS]
# One byte of tag (field number and wire type of the Value message), then the value.
_DOUBLE: Final = np.dtype([("tag", "u1"), ("value", "<f8")])
_FLAGS: Final = {None: b"", False: b"\x38\x00", True: b"\x38\x01"}
_NULL: Final = b""


class Stored(NamedTuple):
    """One row as it stands in Redis: its key, its instant in microseconds, a message per feature."""

    key: bytes
    instant: int
    messages: Sequence[bytes]


def stored_rows(frame: pl.DataFrame, view: FeatureView, project: str) -> Iterator[Stored]:
    """The rows of a frame as they are stored, in its order.

    The view has one text key. The frame has its join key, `event_timestamp` (Datetime in UTC), and every feature by its
    name; messages come in the order of the view's features.
    """
    (join_key,) = view.join_keys
    prefix, suffix = key_prefix(join_key), project.encode()
    keys = [entity_key(prefix, value, suffix) for value in frame.get_column(join_key)]
    instants = frame.get_column("event_timestamp").dt.epoch("us").to_list()
    columns = encode_columns(frame, {field.name: field.dtype for field in view.features})
    messages: Iterable[Sequence[bytes]] = zip(*columns, strict=True) if columns else ([] for _ in keys)
    return map(Stored, keys, instants, messages)


def expiry(view: Any, seconds: int | None) -> int | None:
    """After how many seconds a key of the view goes. A group's row is true as long as its view's watermark moves.

    The key belongs to all views by these join keys: a view of the user's own over a group must not let it go, either.
    """
    of_group = getattr(view, "join_keys", None) in _GROUP_KEYS
    return None if of_group or carry_forward_of(getattr(view, "batch_source", None)) else seconds


def write_online_rows(
    client: Any,
    view: str,
    features: Sequence[str],
    rows: Iterable[Stored],
    *,
    overwrite: bool,
    expire: int | None,
    buffer: WriteBuffer | None = None,
) -> int:
    """Write rows of a view, in batches, and return how many. One older than what stands there is left out.

    The same instant is written again, since a correction may keep its instant; of several rows of a key the newest
    stays, the last one of equal instants. `overwrite` leaves nothing out. `expire`: seconds until a key goes.
    With a `buffer` the rows go there, each key at most once, and are written when it is flushed.
    """
    stamp, fields, written = timestamp_field(view), [feature_field(view, feature) for feature in features], 0
    rows = iter(rows)
    while batch := list(islice(rows, _BATCH)):
        newest = _newest(batch)
        if not overwrite:
            newest = _not_outdated(client, stamp, newest)
        commands: list[tuple[Any, ...]] = [
            (
                "HSET",
                row.key,
                stamp,
                encode_instant(row.instant),
                *chain.from_iterable(zip(fields, row.messages, strict=True)),
            )
            for row in newest
        ]
        # A key that stays may have been written by Feast's own store, which lets every key expire.
        lives = [("EXPIRE", row.key, expire) if expire else ("PERSIST", row.key) for row in newest]
        if buffer is not None:
            buffer.add(commands + lives)
        else:
            run_commands(client, commands + lives)
        written += len(newest)
    return written


def _newest(batch: Iterable[Stored]) -> list[Stored]:
    newest: dict[bytes, Stored] = {}
    for row in batch:
        if (other := newest.get(row.key)) is None or other.instant <= row.instant:
            newest[row.key] = row
    return list(newest.values())


def _not_outdated(client: Any, stamp: bytes, batch: Sequence[Stored]) -> list[Stored]:
    stored_instants = map(decode_instant, run_commands(client, [("HGET", row.key, stamp) for row in batch]))
    return [
        row for row, instant in zip(batch, stored_instants, strict=True) if instant is None or instant <= row.instant
    ]


# ---- columns of values as messages --------------------------------------------------------------------------------


def encode_columns(frame: pl.DataFrame, feast_types: Mapping[str, Any]) -> list[Sequence[bytes]]:
    """The messages of columns, given with their Feast types, in this order: per column one a row, empty for null.

    NaN is null online, as in Feast.
    """
    from feast.types import Float64

    doubles = [name for name, feast_type in feast_types.items() if feast_type == Float64]
    # All at once: a column by itself takes as long as all of them where there are few rows.
    encoded = dict(zip(doubles, _doubles(frame.select(doubles)), strict=True)) if doubles else {}
    return [
        encoded[name] if name in encoded else _encode_values(frame.get_column(name), feast_type)
        for name, feast_type in feast_types.items()
    ]


def _encode_values(column: pl.Series, feast_type: Any) -> Sequence[bytes]:
    from feast.types import Bool, Int64, String

    if feast_type == Int64:
        return _each(column.cast(pl.Int64), _integer)
    if feast_type == Bool:
        return [_FLAGS[value] for value in column]
    if feast_type == String and column.dtype == pl.String:
        return _each(column, _text)
    return _as_feast(column, feast_type)


def _doubles(columns: pl.DataFrame) -> list[list[bytes]]:
    # NumPy has no null: what is null in the frame is NaN here, and both are null online.
    numbers = columns.cast(pl.Float64).to_numpy().T
    messages = np.empty(numbers.shape, _DOUBLE)
    messages["tag"], messages["value"] = 0x29, numbers
    encoded: list[list[bytes]] = messages.view(f"V{_DOUBLE.itemsize}").tolist()
    for column, is_missing in zip(encoded, np.isnan(numbers), strict=True):
        for row in is_missing.nonzero()[0].tolist():
            column[row] = _NULL
    return encoded


def _each(column: pl.Series, encoded: Callable[[Any], bytes]) -> Sequence[bytes]:
    """Every value that occurs is encoded once: names and prices come again and again."""
    messages = {value: _NULL if value is None else encoded(value) for value in column.unique()}
    return [messages[value] for value in column]


def _integer(value: int) -> bytes:
    return b"\x20" + encode_varint(value)


def _text(value: str) -> bytes:
    text = value.encode()
    return b"\x12" + encode_varint(len(text)) + text


def _as_feast(column: pl.Series, feast_type: Any) -> Sequence[bytes]:
    """Any other type, as slowly as Feast does it."""
    from feature_repo.feast_internals import python_values_to_proto_values

    messages = python_values_to_proto_values(column.to_list(), feast_type.to_value_type())
    return [message.SerializeToString() for message in messages]
