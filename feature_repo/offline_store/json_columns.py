"""Columns of JSON: Python values in frames, JSON in tables, and its text in the Arrow tables in between.

Feast has three types for it (Map, Struct, Json) and lists of them. A list stands in one column of JSON, or in an array.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa

_JSON = ("json", "jsonb")


def is_json(type_name: str) -> bool:
    """Whether a type of the server's is JSON, or an array of it."""
    return type_name.removeprefix("_") in _JSON


def json_texts(values: pa.ChunkedArray, type_name: str, *, of_texts: bool) -> pl.Series:
    """Python values as a column of JSON takes them: texts, or lists of them for an array. A text is JSON already.

    `of_texts`: the values are lists, and a text in them is JSON, too. Raises ValueError for what no JSON can hold.
    """
    plain = [_plain(value, values.type) for value in values.to_pylist()]
    if type_name.startswith("_"):
        lists = [None if value is None else [_text(part) for part in value] for value in plain]
        return pl.Series(lists, dtype=pl.List(pl.String))
    if of_texts:
        plain = [[_parsed(part) for part in value] if isinstance(value, list) else value for value in plain]
    return pl.Series([_text(value) for value in plain], dtype=pl.String)


def parse_json_column(column: pa.ChunkedArray) -> pd.Series[Any]:
    """A column of JSON texts, or of lists of them, as a series of Python values (dtype object), in its order.

    Each text is parsed, in a list each of its texts; null stays None. Raises ValueError for a text that is no JSON.
    """
    values: Iterable[Any] = column.to_pylist()
    values = [[_parsed(part) for part in value] if isinstance(value, list) else _parsed(value) for value in values]
    return pd.Series(values, dtype=object)


def _parsed(text: Any) -> Any:
    return json.loads(text) if isinstance(text, str) else text


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{value!r} is no JSON: {error}") from error


def _plain(value: Any, kind: Any) -> Any:
    """The value with a dict where Arrow has pairs."""
    if value is None:
        return None
    if pa.types.is_map(kind):
        return {key: _plain(part, kind.item_type) for key, part in value}
    if pa.types.is_struct(kind):
        return {field.name: _plain(value[field.name], field.type) for field in kind}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [_plain(part, kind.value_type) for part in value]
    return value
