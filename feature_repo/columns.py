"""A column of results whose type holds even when every value is null."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import pyarrow as pa

_Value = TypeVar("_Value")


class Column(list[_Value]):
    """A list with an Arrow type.

    Feast takes a list for one row online, and makes an Arrow column of it for a training frame. From a plain list of
    nulls Arrow would make a column of no type, which pandas turns into objects that no model takes.
    """

    def __init__(self, values: Iterable[_Value], arrow_type: pa.DataType) -> None:
        super().__init__(values)
        self.arrow_type = arrow_type

    def __arrow_array__(self, type: pa.DataType | None = None) -> Any:
        return pa.array(list(self), type=type or self.arrow_type)
