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
from feature_repo.online_store.layout import (
    decode_instant,
    encode_instant,
    instant_of_microseconds,
    marks_key,
    unpack_mark,
)
from feature_repo.online_store.read_plan import ReadPlan, ViewPlan

PRESENT: Final = FieldStatus.PRESENT
NULL_VALUE: Final = FieldStatus.NULL_VALUE
NOT_FOUND: Final = FieldStatus.NOT_FOUND
OUTSIDE_MAX_AGE: Final = FieldStatus.OUTSIDE_MAX_AGE

# What Feast's own store calls a command: a key, and fields of its hash.
FetchedFields = tuple[bytes, list[str | bytes]]
Reply = Sequence[bytes | None]


class Age(NamedTuple):
    """Until when a row is known to hold, in microseconds, and what is told of all its features; `gone` 0: it holds."""

    gone: int
    until: int | None


# ---- asking --------------------------------------------------------------------------------------------------------


def commands(
    plan: ReadPlan, keys: Sequence[Sequence[bytes]], project: str
) -> tuple[list[dict[bytes, int]], list[FetchedFields]]:
    """One (key, fields) for the marks, then one for each distinct entity; and where the reply to each entity comes.

    `keys` and the positions are in the order of `plan.asked`. The marks come first: a mark is moved when all rows are
    written, so rows read after it are at least as new as it says, and rows read before it may not be.
    """
    asked: list[FetchedFields] = [(marks_key(project), list(plan.marks))] if plan.marks else []
    positions: dict[tuple[str, ...], dict[bytes, int]] = {join_keys: {} for join_keys in plan.fields}
    for one, rows in zip(plan.asked, keys, strict=True):
        known, fields = positions[one.join_keys], plan.fields[one.join_keys]
        for key in rows:
            if key not in known:
                known[key] = len(asked)
                asked.append((key, fields))
    at = [positions[one.join_keys] for one in plan.asked]
    return at, asked if any(at) else []


def marks_in(reply: Reply) -> list[int | None]:
    """The marks in the reply to `plan.marks`, in microseconds: until when the rows of these views are asserted."""
    marks = map(unpack_mark, reply)
    return [mark.asserted_until if mark is not None else None for mark in marks]


def age_of(stamp: bytes | None, mark: int | None, ttl: int, now: int) -> Age:
    """How a row with this timestamp stands at `now`."""
    until = as_of(instant_of(stamp), mark)
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
    marks = marks_in(replies[0]) if plan.marks and replies else [None] * len(plan.marks)
    # The fields of each entity asked for, as columns: (field, row) instead of (row, field).
    columns = [
        list(zip(*[replies[position[key]] for key in rows], strict=True))
        for rows, position in zip(keys, at, strict=True)
    ]
    written, present = [], []
    for view in plan.views:
        mark = marks[view.mark] if view.mark is not None else None
        vectors, count = _vectors(view, columns[view.asked], mark, now)
        written += [_message(b"\x0a", view.names), *vectors]
        present.append(count)
    return b"".join(written), present


def _vectors(view: ViewPlan, columns: Sequence[Reply], mark: int | None, now: int) -> tuple[list[bytes], int]:
    """A FeatureVector for each feature of a view, as results of the response, and the count of values present."""
    if not columns:
        return [b"\x12\x00"] * len(view.slots), 0
    gone, stamps = _ages(view, columns[view.stamp], mark, now)
    rows = len(gone)
    length, last = b"\x12" + _varint(rows), b"".join(stamps)
    nulls = [one or NULL_VALUE for one in gone] if any(gone) else None
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


def _ages(view: ViewPlan, stamps: Reply, mark: int | None, now: int) -> tuple[list[int], list[bytes]]:
    """For each row what is told of all its features (0: the row holds), and its timestamp in a FeatureVector."""
    asserted = _message(b"\x1a", encode_instant(mark)) if mark is not None else b""
    gone, messages = [], []
    for stamp in stamps:
        age = age_of(stamp, mark, view.ttl, now)
        gone.append(age.gone)
        messages.append(asserted if asserted and age.until == mark else _message(b"\x1a", stamp or b""))
    return gone, messages


def _cell(value: bytes | None) -> bytes:
    return _message(b"\x0a", value or b"")


def _message(tag: bytes, message: bytes) -> bytes:
    return tag + _varint(len(message)) + message


def _varint(number: int) -> bytes:
    """A whole number as protobuf writes lengths."""
    if number < 0x80:
        return number.to_bytes()
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


# What stands before a value of each short length in a FeatureVector.
_HEADS: Final = [b"\x0a" + _varint(length) for length in range(128)]


# ---- answering with rows -------------------------------------------------------------------------------------------


def row_of(
    view: ViewPlan, features: Sequence[str], reply: Reply, mark: int | None, now: int
) -> tuple[datetime | None, dict[str, Any] | None]:
    """One entity as `online_read` gives it: (None, None) when nothing is stored, null values when it is outside."""
    age = age_of(reply[view.stamp], mark, view.ttl, now)
    if age.until is None:
        return None, None
    values = [None if age.gone else reply[slot] for slot in view.slots]
    return instant_of_microseconds(age.until), {
        name: Value.FromString(value or b"") for name, value in zip(features, values, strict=True)
    }
