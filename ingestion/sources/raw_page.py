"""Some rows of a file before they are bets: the columns as the file calls them, every row verbatim beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class RawPage:
    """Rows of a file, in its order; every column and the payload have one entry a row.

    `columns` are those that were asked for, as far as the file has them, under the file's own names and in whatever
    type it has them. `payload` is each row as JSON, as in `Page`. `problems` says by position why a row cannot be read
    (`sports: not UTF-8`). `unknown_columns` are those that stand in payloads only.
    """

    columns: Mapping[str, pl.Series]
    payload: pl.Series
    problems: Mapping[int, list[str]]
    unknown_columns: tuple[str, ...]
