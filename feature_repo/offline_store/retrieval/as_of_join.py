"""The join as of instants: for each row of the frame, which row of a view's history holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from feature_repo.offline_store.retrieval.request import ViewRequest

_MICROSECOND: Final = timedelta(microseconds=1)
_SECOND: Final = 1_000_000
# The number of the key of a view without entities.
_ONE_KEY: Final = pl.lit(0, dtype=pl.get_index_type())
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class SortedInstants:
    """The instants of a frame in their order, sorted once for all views. Rows without an instant are left out."""

    def __init__(self, instants: pl.Series) -> None:
        microseconds = instants.cast(pl.Int64)
        self.height = len(instants)
        self.order: pl.Series = microseconds.arg_sort()
        missing = microseconds.null_count()
        if missing:
            self.order = self.order.filter(microseconds.gather(self.order).is_not_null())
        self.microseconds: pl.Series = microseconds.gather(self.order)

    def scattered(self, positions: pl.Series) -> pl.Series:
        """Values in the order of the instants, put back to the rows of the frame; null for rows without an instant."""
        scattered = np.full(self.height, -1, dtype=np.int64)
        scattered[self.order.to_numpy()] = positions.cast(pl.Int64).fill_null(-1).to_numpy()
        return pl.Series(scattered).set(pl.Series(scattered < 0), None)


def microseconds_of(instant: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def numbered(frame: Sequence[pl.Series], history: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Numbers for keys of one or more columns: of the frame's rows and of the history's rows.

    Equal keys have equal numbers; a key that the frame has not, and one with a null in it, has none.
    """
    if not frame:
        return pl.zeros(0, eager=True), pl.zeros(0, eager=True)
    names = [f"k{number}" for number in range(len(frame))]
    given = pl.DataFrame(dict(zip(names, frame, strict=True)))
    known = given.unique().drop_nulls().with_row_index("id")
    ids = given.join(known, on=names, how="left", maintain_order="left").get_column("id")
    found = history.select(names).join(known, on=names, how="left", maintain_order="left").get_column("id")
    return ids, found


def positions(
    instants: SortedInstants,
    frame: Sequence[pl.Series],
    history: pl.DataFrame,
    asked: ViewRequest,
    *,
    visible: bool,
    mark: datetime | None,
) -> pl.Series:
    """For each row of the frame the position in `history` of the row that holds, or null.

    `history` has the columns of `history.window`. `visible` takes only what was created by the row's instant.
    """
    ids, found = numbered(frame, history)
    rows = _rows(history, found if frame else None)
    by_rank = rows.drop_nulls("c") if visible and "c" in rows.columns else rows
    by_rank = by_rank.with_row_index("rank")
    until = _until(by_rank, asked, mark)
    left = pl.DataFrame({"at": instants.microseconds})
    left = left.with_columns((ids.gather(instants.order) if frame else _ONE_KEY).alias("id"))
    right = _visible(by_rank) if visible and "c" in rows.columns else by_rank.select("id", at="t", rank="rank")
    joined = left.join_asof(right, on="at", by="id", strategy="backward", check_sortedness=False)
    rank = joined.get_column("rank")
    place = by_rank.get_column("place").gather(rank)
    if until is not None:
        place = place.set((joined.get_column("at") > until.gather(rank)).fill_null(False), None)
    return instants.scattered(place)


def _rows(history: pl.DataFrame, ids: pl.Series | None) -> pl.DataFrame:
    """The rows of known keys, in the order in which a later one takes the place of an earlier one."""
    frame = history.select(pl.col("t", *(["c"] if "c" in history.columns else [])).cast(pl.Int64))
    frame = frame.with_row_index("place").with_columns((ids if ids is not None else _ONE_KEY).alias("id"))
    by = ["t", "c"] if "c" in frame.columns else ["t"]
    return frame.drop_nulls("id").sort(by, nulls_last=False)


def _visible(rows: pl.DataFrame) -> pl.DataFrame:
    """For each instant at which something came to be known: the best row by then, which may be an older find."""
    known = rows.select("id", "rank", at=pl.max_horizontal("t", "c")).sort("at", "rank")
    return known.with_columns(pl.col("rank").cum_max().over("id"))


def _until(rows: pl.DataFrame, asked: ViewRequest, mark: datetime | None) -> pl.Series | None:
    """Up to which instant each row can hold, in microseconds; None when nothing limits it."""
    if not asked.ttl:
        return None
    limit = asked.ttl * _SECOND
    if asked.again is None or mark is None:
        return rows.get_column("t") + limit
    at, step = microseconds_of(mark), int(asked.again.step.total_seconds()) * _SECOND
    # Changes dated after the mark: what held before them was said for the last time on the way to the mark.
    followed = (pl.col("t").shift(-1).over("id") > at) & (pl.col("t") < at)
    last_said = pl.col("t") + step * ((at - 1 - pl.col("t")) // step)
    said = pl.when(followed.fill_null(False)).then(last_said).otherwise(pl.max_horizontal(pl.lit(at), "t"))
    return rows.select(said.alias("said")).get_column("said") + limit
