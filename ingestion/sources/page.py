"""A page of bets as a source sent them: the known columns as a frame, and every row verbatim beside it.

Every source yields pages. A row whose values cannot be read is not dropped and does not stop its page: it says so in
`problems`, and keeps its payload and, where they are readable, its id and delete flag; its other columns are null.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import polars as pl

from quality.schema import BET_COLUMNS

_T = TypeVar("_T")

# What a page holds at the most: 50,000 ordinary bets have about twice that. Values that were taken apart need up to 25
# times as much memory.
PAGE_BYTES: Final = 16 * 1024 * 1024
# Why a value cannot be read; a problem is `<column>: <one of these>`.
NOT_ONE_VALUE = "a list or an object, not one value"
NOT_UTF8 = "not UTF-8"
OUT_OF_RANGE = "a date or time out of range"
# A row that cannot be read says by these which bet it is of, and that it is a delete all the same.
KEPT_OF_A_PROBLEM = ("id", "deleted_at", "is_deleted")


@dataclass(frozen=True)
class Page:
    """Some rows of a source, in its order; the frame and the two series have one entry a row.

    `rows` has the columns of `quality.schema.BET_COLUMNS`, in whatever type the source sent, null where it sent none.
    `payload` is each row as JSON: an object, or a string of the row's raw text where that is no JSON object.
    `problems` is null, or why the row cannot be read (`sport: not UTF-8`), several of them joined with "; ".
    `columns` are the columns of `rows` that the source has here, also where all their values are null; the others are
    null because it has none. `unknown_columns` are those that stand in payloads only. `users` says whose each row is
    where the payload does not hold the user column (a table); null where the payload says it, if anything does.
    """

    rows: pl.DataFrame
    payload: pl.Series
    problems: pl.Series
    columns: frozenset[str]
    unknown_columns: tuple[str, ...]
    users: pl.Series | None = None


def build_page(
    columns: Mapping[str, pl.Series],
    payload: pl.Series,
    problems: Mapping[int, Collection[str]],
    unknown_columns: Collection[str],
) -> Page:
    """The page of these columns; other columns of a bet are null in it.

    Rows with problems (position -> what they are) hold nothing but their id, and whether they are deleted.
    """
    nothing = pl.Series([None]).new_from_index(0, len(payload))
    rows = pl.DataFrame({name: columns.get(name, nothing) for name in BET_COLUMNS})
    reasons = nothing.cast(pl.String).alias("problems")
    if problems:
        reasons = reasons.scatter(list(problems), ["; ".join(row_problems) for row_problems in problems.values()])
        rows = rows.with_columns(pl.when(pl.lit(reasons).is_null()).then(pl.all().exclude(KEPT_OF_A_PROBLEM)))
    there = frozenset(columns).intersection(BET_COLUMNS)
    return Page(rows, payload.alias("payload"), reasons, there, tuple(unknown_columns))


def in_pages(sized_rows: Iterable[tuple[int, _T]], rows: int) -> Iterator[list[_T]]:
    """The rows, each given with its bytes, in pages of at most so many rows and PAGE_BYTES; a larger row is alone."""
    page: list[_T] = []
    size = 0
    for row_size, row in sized_rows:
        if page and (len(page) >= rows or size + row_size > PAGE_BYTES):
            yield page
            page, size = [], 0
        page.append(row)
        size += row_size
    if page:
        yield page
