"""The as-of join: for each row of the entity frame, the row of a view's history that held at its instant."""

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
    """The instants of an entity frame, sorted once for all views.

    `height` is the number of rows of the frame; `order` their positions by instant, without those that have none;
    `microseconds` the instants in that order, since 1970.
    """

    def __init__(self, instants: pl.Series) -> None:
        microseconds = instants.cast(pl.Int64)
        self.height = len(instants)
        self.order: pl.Series = microseconds.arg_sort()
        missing = microseconds.null_count()
        if missing:
            self.order = self.order.filter(microseconds.gather(self.order).is_not_null())
        self.microseconds: pl.Series = microseconds.gather(self.order)

    def in_frame_order(self, positions: pl.Series) -> pl.Series:
        """The positions, one for each of `order`, moved to the rows of the frame that they belong to.

        Goes in: one position in a history per instant, in the order of the instants, null where nothing was found.
        Comes out: `height` positions in the order of the frame (Int64), null where none was found and for rows without
        an instant.
        """
        by_row = np.full(self.height, -1, dtype=np.int64)
        by_row[self.order.to_numpy()] = positions.cast(pl.Int64).fill_null(-1).to_numpy()
        return pl.Series(by_row).set(pl.Series(by_row < 0), None)


def microseconds_of(instant: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def key_numbers(frame: Sequence[pl.Series], history: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """A number for each row's key, of one or more columns: those of the frame's rows, and those of the history's.

    `frame` are the key columns of the frame; `history` has them as k0, k1... Equal keys have equal numbers; a key that
    the frame does not have, or that has a null in it, has the number null.
    """
    if not frame:
        return pl.zeros(0, eager=True), pl.zeros(0, eager=True)
    names = [f"k{number}" for number in range(len(frame))]
    frame_keys = pl.DataFrame(dict(zip(names, frame, strict=True)))
    distinct_keys = frame_keys.unique().drop_nulls().with_row_index("id")
    frame_ids = frame_keys.join(distinct_keys, on=names, how="left", maintain_order="left").get_column("id")
    history_ids = (
        history.select(names).join(distinct_keys, on=names, how="left", maintain_order="left").get_column("id")
    )
    return frame_ids, history_ids


def as_of_positions(
    instants: SortedInstants,
    frame: Sequence[pl.Series],
    history: pl.DataFrame,
    request: ViewRequest,
    *,
    filter_by_created: bool,
    watermark: datetime | None,
) -> pl.Series:
    """For each row of the frame the position in `history` of the row that held at its instant, or null.

    `frame` are the frame's key columns, `history` has the columns of `history_sql.history_query`. With
    `filter_by_created` only rows count that were created by that instant. `watermark` ends what a view is carried
    forward to; None for one that is not.
    """
    frame_ids, history_ids = key_numbers(frame, history)
    rows = _rows(history, history_ids if frame else None)
    by_rank = rows.drop_nulls("c") if filter_by_created and "c" in rows.columns else rows
    by_rank = by_rank.with_row_index("rank")
    until = _until(by_rank, request, watermark)
    frame_rows = pl.DataFrame({"at": instants.microseconds})
    frame_rows = frame_rows.with_columns((frame_ids.gather(instants.order) if frame else _ONE_KEY).alias("id"))
    history_rows = (
        _visible(by_rank) if filter_by_created and "c" in rows.columns else by_rank.select("id", at="t", rank="rank")
    )
    joined = frame_rows.join_asof(history_rows, on="at", by="id", strategy="backward", check_sortedness=False)
    rank = joined.get_column("rank")
    place = by_rank.get_column("place").gather(rank)
    if until is not None:
        place = place.set((joined.get_column("at") > until.gather(rank)).fill_null(False), None)
    return instants.in_frame_order(place)


def _rows(history: pl.DataFrame, history_ids: pl.Series | None) -> pl.DataFrame:
    """Columns place (in `history`), id, t, c (microseconds): the rows whose key has an id, an earlier one before the
    later one that takes its place.
    """
    frame = history.select(pl.col("t", *(["c"] if "c" in history.columns else [])).cast(pl.Int64))
    frame = frame.with_row_index("place").with_columns(
        (history_ids if history_ids is not None else _ONE_KEY).alias("id")
    )
    by = ["t", "c"] if "c" in frame.columns else ["t"]
    return frame.drop_nulls("id").sort(by, nulls_last=False)


def _visible(rows: pl.DataFrame) -> pl.DataFrame:
    """Columns id, at, rank: from each instant `at` on, the highest rank of what was created by then."""
    created = rows.select("id", "rank", at=pl.max_horizontal("t", "c")).sort("at", "rank")
    return created.with_columns(pl.col("rank").cum_max().over("id"))


def _until(rows: pl.DataFrame, request: ViewRequest, watermark: datetime | None) -> pl.Series | None:
    """The last instant at which each row can hold, in microseconds; None when nothing limits it.

    Rule R6: the row's instant, or that to which it is carried forward, plus the TTL, both ends included. The same rule
    in SQL: history_sql.py and feature_repo/sql/is_carried_forward.sql; online: feature_repo/online_store/freshness.py.
    """
    if not request.ttl:
        return None
    ttl = request.ttl * _SECOND
    if request.carried is None or watermark is None:
        return rows.get_column("t") + ttl
    at, step = microseconds_of(watermark), int(request.carried.step.total_seconds()) * _SECOND
    # Where a change dated after the watermark follows, a row is carried forward to its last step before the watermark.
    is_followed = (pl.col("t").shift(-1).over("id") > at) & (pl.col("t") < at)
    last_carried = pl.col("t") + step * ((at - 1 - pl.col("t")) // step)
    to_watermark = pl.max_horizontal(pl.lit(at), "t")
    carried_to = pl.when(is_followed.fill_null(False)).then(last_carried).otherwise(to_watermark)
    return rows.select(carried_to.alias("carried_to")).get_column("carried_to") + ttl
