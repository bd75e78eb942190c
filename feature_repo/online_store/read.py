"""Rows as they stand in Redis, turned into Feast's response, with the status that the age of each row gives it.

no timestamp of the view    NOT_FOUND         null, timestamp 0
older than the view's TTL   OUTSIDE_MAX_AGE   null, until when it was known to hold
no value                    NULL_VALUE        null, until when it is known to hold
otherwise                   PRESENT           the value, until when it is known to hold

Redis holds serialized Value messages, and the response is made of them: it is put together from their bytes, and read
back by protobuf once. That is several times faster than building a message for each value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from feature_repo.feast_internals import FieldStatus, Value
from feature_repo.online_store.freshness import as_of, is_outside
from feature_repo.online_store.layout import instant_of_microseconds, unpack_watermark, watermarks_key
from feature_repo.online_store.protobuf import decode_instant, encode_instant, encode_varint
from feature_repo.online_store.read_plan import ReadPlan, ViewPlan
from feature_repo.online_store.round_trip import Reply

PRESENT: Final = FieldStatus.PRESENT
NULL_VALUE: Final = FieldStatus.NULL_VALUE
NOT_FOUND: Final = FieldStatus.NOT_FOUND
OUTSIDE_MAX_AGE: Final = FieldStatus.OUTSIDE_MAX_AGE

# What Feast's own store calls a command: a key, and fields of its hash.
FetchedFields = tuple[bytes, list[str | bytes]]


class Age(NamedTuple):
    """How old a row is.

    `gone`   the status of all its features where it must not be served (NOT_FOUND, OUTSIDE_MAX_AGE); 0 where it may
    `until`  up to when it is known to hold, microseconds since 1970; None where there is no row
    """

    gone: int
    until: int | None


# ---- asking --------------------------------------------------------------------------------------------------------


def commands(
    plan: ReadPlan, keys: Sequence[Sequence[bytes]], project: str
) -> tuple[list[dict[bytes, int]], list[FetchedFields]]:
    """Where the reply to each entity comes, and the reads: one (key, fields) for the watermarks, one for each entity.

    `keys` and the positions (Redis key -> position of its reply) are in the order of `plan.entities`. The watermarks
    come first: one is moved when all rows are written, so rows read after it are at least as new as it says, and rows
    read before it may not be.
    """
    reads: list[FetchedFields] = [(watermarks_key(project), list(plan.watermarks))] if plan.watermarks else []
    positions: dict[tuple[str, ...], dict[bytes, int]] = {join_keys: {} for join_keys in plan.fields}
    for entity, entity_keys in zip(plan.entities, keys, strict=True):
        position_of, fields = positions[entity.join_keys], plan.fields[entity.join_keys]
        for key in entity_keys:
            if key not in position_of:
                position_of[key] = len(reads)
                reads.append((key, fields))
    at = [positions[entity.join_keys] for entity in plan.entities]
    return at, reads if any(at) else []


def watermarks_in(reply: Reply) -> list[int | None]:
    """The watermarks in the reply to `plan.watermarks`, in microseconds since 1970; None for a view without one."""
    watermarks = map(unpack_watermark, reply)
    return [watermark.instant if watermark is not None else None for watermark in watermarks]


def age_of(stamp: bytes | None, watermark: int | None, ttl: int, now: int) -> Age:
    """The status of a row at `now`, and up to when it is known to hold (rule R6, freshness.py).

    `stamp` is the row's Timestamp message, null where there is no row; `watermark`, `ttl` and `now` are microseconds.
    """
    until = as_of(instant_of(stamp), watermark)
    if until is None:
        return Age(NOT_FOUND, None)
    return Age(OUTSIDE_MAX_AGE if is_outside(until, ttl, now) else 0, until)


# The same few instants are read over and over: rows of one refresh share theirs.
instant_of = lru_cache(maxsize=65_536)(decode_instant)


# ---- answering with a response -------------------------------------------------------------------------------------


def response_bytes(
    plan: ReadPlan,
    keys: Sequence[Sequence[bytes]],
    at: Sequence[Mapping[bytes, int]],
    replies: Sequence[Reply],
    now: int,
) -> tuple[bytes, list[int]]:
    """A serialized GetOnlineFeaturesResponse of all views, and for each how many of its values are present."""
    watermarks = watermarks_in(replies[0]) if plan.watermarks and replies else [None] * len(plan.watermarks)
    # The fields of each entity asked for, as columns: (field, row) instead of (row, field).
    columns = [
        list(zip(*[replies[position[key]] for key in rows], strict=True))
        for rows, position in zip(keys, at, strict=True)
    ]
    written, present = [], []
    for view in plan.views:
        watermark = watermarks[view.watermark] if view.watermark is not None else None
        vectors, count = _vectors(view, columns[view.entity], watermark, now)
        written += [_message(b"\x0a", view.names), *vectors]
        present.append(count)
    return b"".join(written), present


def _vectors(view: ViewPlan, columns: Sequence[Reply], watermark: int | None, now: int) -> tuple[list[bytes], int]:
    """A FeatureVector for each feature of a view, as results of the response, and the count of values present."""
    if not columns:
        return [b"\x12\x00"] * len(view.slots), 0
    gone, stamps = _ages(view, columns[view.stamp], watermark, now)
    rows = len(gone)
    length, last = b"\x12" + encode_varint(rows), b"".join(stamps)
    nulls = [status or NULL_VALUE for status in gone] if any(gone) else None
    vectors, present = [], 0
    for slot in view.slots:
        values = columns[slot]
        if nulls is not None:
            values = [None if outside else value for value, outside in zip(values, gone, strict=True)]
            statuses = bytes([PRESENT if value else null for value, null in zip(values, nulls, strict=True)])
        elif all(values):
            statuses = b"\x01" * rows
        else:
            statuses = bytes([PRESENT if value else NULL_VALUE for value in values])
        present += statuses.count(PRESENT)
        cells = [_HEADS[len(value)] + value if value and len(value) < 128 else _cell(value) for value in values]
        vectors.append(_message(b"\x12", b"".join([*cells, length, statuses, last])))
    return vectors, present


def _ages(view: ViewPlan, stamps: Reply, watermark: int | None, now: int) -> tuple[list[int], list[bytes]]:
    """For each row `Age.gone`, and its timestamp in a FeatureVector."""
    carried_forward = _message(b"\x1a", encode_instant(watermark)) if watermark is not None else b""
    gone, messages = [], []
    for stamp in stamps:
        age = age_of(stamp, watermark, view.ttl, now)
        gone.append(age.gone)
        is_carried_forward = watermark is not None and age.until == watermark
        messages.append(carried_forward if is_carried_forward else _message(b"\x1a", stamp or b""))
    return gone, messages


def _cell(value: bytes | None) -> bytes:
    return _message(b"\x0a", value or b"")


def _message(tag: bytes, message: bytes) -> bytes:
    return tag + encode_varint(len(message)) + message


# What stands before a value of each short length in a FeatureVector.
_HEADS: Final = [b"\x0a" + encode_varint(length) for length in range(128)]


# ---- answering with rows -------------------------------------------------------------------------------------------


def row_of(
    view: ViewPlan, features: Sequence[str], reply: Reply, watermark: int | None, now: int
) -> tuple[datetime | None, dict[str, Any] | None]:
    """One entity as `online_read` gives it: (None, None) when nothing is stored, null values when it is outside."""
    age = age_of(reply[view.stamp], watermark, view.ttl, now)
    if age.until is None:
        return None, None
    values = [None if age.gone else reply[slot] for slot in view.slots]
    return instant_of_microseconds(age.until), {
        name: Value.FromString(value or b"") for name, value in zip(features, values, strict=True)
    }
