"""How queries over the frames of a refresh are run."""

from __future__ import annotations

import polars as pl


def collected(query: pl.LazyFrame) -> pl.DataFrame:
    """The rows of a query, by the engine that eager frames use.

    The streaming engine, which `collect` takes, adds floats up in an order that changes from run to run, and takes
    longer to set up than most of these frames to read.
    """
    return query.collect(engine="in-memory")
