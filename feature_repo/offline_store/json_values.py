"""Values of Map, Struct and Json, and lists of them, taken by Feast as they come out of an Arrow table.

There a list is an array of NumPy's, also within a dict, and what was stored as JSON is its text. Feast refuses the one
as a list of Map, and reads the other as a list of its characters where it should be a list of Json.
"""

from __future__ import annotations

import json
from functools import wraps
from typing import Any, Final

import numpy as np
from feast import ValueType

from feature_repo.feast_internals import replace_value_conversion, value_conversion

_VALUES: Final = frozenset({ValueType.MAP, ValueType.STRUCT, ValueType.JSON})
_LISTS_OF_DICTS: Final = frozenset({ValueType.MAP_LIST, ValueType.STRUCT_LIST})
_LISTS: Final = _LISTS_OF_DICTS | {ValueType.JSON_LIST}


def accept_json() -> None:
    """From now on Feast turns all such values into its messages. May be called again."""
    original = value_conversion()
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def to_proto(feast_value_type: ValueType, values: Any) -> Any:
        if feast_value_type in _VALUES | _LISTS:
            values = [_as_taken(value, feast_value_type) for value in values]
        return original(feast_value_type, values)

    replace_value_conversion(to_proto)


def _as_taken(value: Any, kind: ValueType) -> Any:
    value = _without_arrays(value)
    if kind in _LISTS and isinstance(value, str):
        value = json.loads(value)
    if kind in _LISTS_OF_DICTS and isinstance(value, list):
        return [json.loads(part) if isinstance(part, str) else part for part in value]
    return value


def _without_arrays(value: Any) -> Any:
    """The value with lists in place of arrays, however deep."""
    if isinstance(value, np.ndarray | list):
        return [_without_arrays(part) for part in value]
    if isinstance(value, dict):
        return {name: _without_arrays(part) for name, part in value.items()}
    return value.item() if isinstance(value, np.generic) else value
