"""Rows that come as JSON texts, one object each: the lines of a file, and the rows of a REST page.

The payload of a row is its text, to the character. A text that is no JSON object is a row with a problem. So is one
with NaN or Infinity, which Python reads but JSON does not know, and one that gives a column of a bet twice.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import polars as pl

from ingestion.sources.page import NOT_ONE_VALUE, NOT_UTF8, Page, build_page
from ingestion.sources.raw_page import RawPage
from quality.schema import BET_COLUMNS
from quality.schema.bet import KINDS
from quality.schema.kinds import Text

NOT_JSON = "not readable as JSON"
NOT_AN_OBJECT = "not a JSON object"
GIVEN_TWICE = "given twice"
HALF_A_CHARACTER = "half of a surrogate pair"
NOT_TEXT = Text.unreadable
TEXT_COLUMNS = frozenset(name for name, kind in KINDS.items() if isinstance(kind, Text))
_NULL = type(None)
# Up to these every whole number is one of the type.
_INT64, _FLOAT64 = 2**63 - 1, 2**53
# Records are taken apart while they are still in the processor's cache.
_BLOCK = 100
# No format calls a column by more characters, and each name within an object repeats those of what it lies in.
_LONGEST_NAME = 1_000


class _Repeating(dict[str, Any]):
    """An object that gives a name more than once; `repeated` says which."""

    repeated: frozenset[str]


class _UnfitError(Exception):
    """A value that no column of a frame can hold."""


def page_of(lines: Sequence[bytes]) -> Page:
    """The page of these rows of bets, each one JSON text in UTF-8, as a file has them in its lines."""
    raw = raw_page_of(lines, BET_COLUMNS, TEXT_COLUMNS)
    return build_page(raw.columns, raw.payload, raw.problems, raw.unknown_columns)


def raw_page_of(lines: Sequence[bytes], wanted: Collection[str], texts: Collection[str]) -> RawPage:
    """These rows, each one JSON text in UTF-8, with the columns that are `wanted`, of which `texts` hold names and ids.

    A wanted column that no row has is left out. `event.sport` is the member `sport` of an object `event` where no
    member has that very name.
    """
    columns: dict[str, list[Any]] = {name: [] for name in wanted}
    getters = {name: _getter(name) for name in wanted}
    wanted_names = frozenset(wanted)
    has_dotted = any(getters.values())
    payload: list[str] = []
    problems: dict[int, list[str]] = defaultdict(list)
    names: dict[str, None] = {}
    members: set[str] = set()
    for start in range(0, len(lines), _BLOCK):
        records = []
        for position, line in enumerate(lines[start : start + _BLOCK], start):
            record, text, line_problems = read_record(line, wanted_names)
            records.append(record)
            payload.append(text)
            if line_problems:
                problems[position] += line_problems
            if not record.keys() <= names.keys():
                names |= dict.fromkeys(record)
            if has_dotted:
                members.update(member_names(record))
        for name, values in columns.items():
            value_of = getters[name]
            values += [value_of(record) for record in records] if value_of else [record.get(name) for record in records]
    there = {name: values for name, values in columns.items() if name in names or name in members}
    inside = {name.partition(".")[0] for name in there if name not in names}
    unknown = tuple(name for name in names if name not in wanted_names and name not in inside)
    return RawPage(_typed(there, texts, problems), pl.Series(payload, dtype=pl.String), problems, unknown)


def member_names(record: Mapping[str, Any]) -> Iterator[str]:
    """The dotted names of what the objects in a record hold, to any depth.

    A name with a dot in it has none, nor has one past _LONGEST_NAME.
    """
    objects = [("", record)]
    while objects:
        prefix, members = objects.pop()
        for name, value in members.items():
            if "." in name or len(prefix) + len(name) > _LONGEST_NAME:
                continue
            if prefix:
                yield f"{prefix}{name}"
            if isinstance(value, dict):
                objects.append((f"{prefix}{name}.", value))


def _getter(name: str) -> Callable[[dict[str, Any]], Any] | None:
    """What finds the value of a dotted name in a record; null for a plain name."""
    if "." not in name:
        return None
    path = name.split(".")

    def value_of(record: dict[str, Any]) -> Any:
        if name in record:
            return record[name]
        value: Any = record
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return value

    return value_of


def _typed(
    columns: Mapping[str, list[Any]], texts: Collection[str], problems: dict[int, list[str]]
) -> dict[str, pl.Series]:
    rows = {}
    for name, values in columns.items():
        rows[name], unfit = _text(values) if name in texts else _column(values)
        for position, reason in unfit.items():
            problems[position].append(f"{name}: {reason}")
    return rows


def read_record(line: bytes, wanted_names: frozenset[str]) -> tuple[dict[str, Any], str, list[str]]:
    """What a line holds, how it is kept, and what is wrong with it, where that touches a wanted column."""
    try:
        text = line.decode().rstrip("\r\n")
        record = _decode(text)
    except UnicodeDecodeError:
        return {}, _quoted(line), [f"line: {NOT_UTF8}"]
    except (ValueError, RecursionError):
        return {}, _quoted(line), [f"line: {NOT_JSON}"]
    if type(record) is dict:
        return record, text, []
    if isinstance(record, _Repeating):
        doubtful = sorted(record.repeated & wanted_names)
        sure = {name: value for name, value in record.items() if name not in doubtful}
        return sure, text, [f"{name}: {GIVEN_TWICE}" for name in doubtful]
    return {}, _quoted(line), [f"line: {NOT_AN_OBJECT}"]


def _quoted(line: bytes) -> str:
    r"""The line as a JSON string; a byte xx that is not UTF-8 stands as the escape \udcxx."""
    return json.dumps(line.decode("utf-8", "surrogateescape").rstrip("\r\n"))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        record = _Repeating(record)
        record.repeated = frozenset(name for name in record if names.count(name) > 1)
    return record


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse).decode


def _text(values: list[Any]) -> tuple[pl.Series, dict[int, str]]:
    """The values of a column of names. One that is no name must not become one because names stand beside it."""
    kinds = set(map(type, values)) - {_NULL}
    if len(kinds) < 2 or not kinds & {bool, float}:
        return _column(values)
    foreign = {position: NOT_TEXT for position, value in enumerate(values) if isinstance(value, bool | float)}
    names, unfit = _column([None if position in foreign else value for position, value in enumerate(values)])
    return names, foreign | unfit


def _column(values: list[Any]) -> tuple[pl.Series, dict[int, str]]:
    """The values as a column of one type, null where one is unfit for a frame; and why each of those is."""
    try:
        return _series(values), {}
    except _UnfitError:
        unfit = {position: reason for position, value in enumerate(values) if (reason := _why_unfit(value))}
        return _series([None if position in unfit else value for position, value in enumerate(values)]), unfit


def _series(values: list[Any]) -> pl.Series:
    """Values of one kind in its type; of several kinds as text, each in its JSON spelling."""
    kinds = set(map(type, values)) - {_NULL}
    if kinds & {dict, _Repeating, list}:
        raise _UnfitError
    if not kinds:
        return pl.Series(values, dtype=pl.Null)
    if kinds == {bool}:
        return pl.Series(values, dtype=pl.Boolean)
    if kinds == {float}:
        return pl.Series(values, dtype=pl.Float64)
    if kinds == {int} and _within(values, _INT64):
        return pl.Series(values, dtype=pl.Int64)
    if kinds == {int, float} and _within(values, _FLOAT64):
        return pl.Series([None if value is None else float(value) for value in values], dtype=pl.Float64)
    try:
        return pl.Series(values if kinds == {str} else [_spelled(value) for value in values], dtype=pl.String)
    except UnicodeEncodeError:
        raise _UnfitError from None


def _within(values: list[Any], limit: int) -> bool:
    return all(-limit <= value <= limit for value in values if type(value) is int)


def _spelled(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _why_unfit(value: Any) -> str | None:
    if isinstance(value, dict | list):
        return NOT_ONE_VALUE
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return HALF_A_CHARACTER
    return None
