"""The columns that an expression, or a function over a frame, needs, as the engine itself tells: so it holds for
whatever they are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import narwhals as nw
import polars as pl
from narwhals.exceptions import ColumnNotFoundError
from polars.io.plugins import register_io_source

ColumnTypes = Mapping[str, "pl.DataType | type[pl.DataType]"]
Lazy: TypeAlias = nw.LazyFrame[Any]
_MISSING = (ColumnNotFoundError, pl.exceptions.ColumnNotFoundError)


def expression_roots(expression: nw.Expr, schema: ColumnTypes) -> tuple[str, ...]:
    """The columns that Polars fetches from a source of this schema to compute the expression, in its order.

    >>> expression_roots(nw.col("b") + nw.col("a"), {"a": pl.Int64, "b": pl.Int64, "c": pl.Int64})
    ('a', 'b')
    """
    return column_roots(lambda frame: frame.select(root=expression), "root", schema)


def column_roots(compute: Callable[[Lazy], Lazy], name: str, schema: ColumnTypes) -> tuple[str, ...]:
    """The same for one column of what a function makes of a frame of this schema.

    >>> column_roots(lambda frame: frame.with_columns(c=nw.col("a")), "c", {"a": pl.Int64, "b": pl.Int64})
    ('a',)
    """
    fetched: list[str] = []

    def fetch(columns: list[str] | None, *_: Any) -> Iterator[pl.DataFrame]:
        fetched.extend(schema if columns is None else columns)
        frame = pl.DataFrame(schema=schema)
        yield frame if columns is None else frame.select(columns)

    source = register_io_source(fetch, schema=pl.Schema(schema))
    compute(nw.from_native(source)).select(name).collect()
    return tuple(column for column in schema if column in fetched)


def needed_columns(compute: Callable[[pl.DataFrame], Any], schema: ColumnTypes) -> tuple[str, ...]:
    """The columns of a frame with this schema without which `compute` fails, in the order of the schema.

    >>> needed_columns(lambda frame: frame.select("b", "a"), {"a": pl.Int64, "b": pl.Int64, "c": pl.Int64})
    ('a', 'b')
    """
    frame = pl.DataFrame(schema=schema)
    compute(frame)
    return tuple(column for column in schema if _fails(compute, frame.drop(column)))


def _fails(compute: Callable[[pl.DataFrame], Any], frame: pl.DataFrame) -> bool:
    try:
        compute(frame)
    except _MISSING:
        return True
    return False
