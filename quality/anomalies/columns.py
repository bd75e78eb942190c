"""The frame that detectors take. What is not there is an error, never a pass."""

from __future__ import annotations

import polars as pl

from quality.evidence import BATCH_SCHEMA


def require(bets: pl.DataFrame, name: str, schema: pl.Schema = BATCH_SCHEMA) -> pl.DataFrame:
    """The same rows in the same order with the columns of the schema, in its order; further columns are dropped.

    `name` is what the errors call the frame. Raises KeyError naming the missing columns, else TypeError naming those
    of another type.
    """
    missing = [column for column in schema if column not in bets.columns]
    if missing:
        raise KeyError(f"{name} has no column {', '.join(missing)}")
    wrong = [f"{column} ({bets.schema[column]})" for column, dtype in schema.items() if bets.schema[column] != dtype]
    if wrong:
        raise TypeError(f"{name} has columns of another type: {', '.join(wrong)}")
    # In one piece: Polars 2.1 panics in `format` over a frame that several were put together to.
    return bets.select(schema.names()).rechunk()
