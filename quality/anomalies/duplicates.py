"""duplicate: one id twice, or one bet under two ids."""

from __future__ import annotations

import polars as pl

from quality.anomalies.baseline import Baseline
from quality.anomalies.flags import FlagRule, unlike_its_book, where
from quality.anomalies.relations import COPY, PLACED_SECOND, with_copies
from quality.anomalies.thresholds import Thresholds
from quality.collected import collected

DUPLICATE = "duplicate"


def flags(batch: pl.DataFrame, neighbours: pl.DataFrame, baseline: Baseline, thresholds: Thresholds) -> pl.LazyFrame:
    """The kind `duplicate` as ANOMALIES, one row per bet and reason: a bet may have two.

    `batch` and `neighbours` (accepted earlier bets placed in the same seconds) have the columns of BATCH_SCHEMA. An id
    that the batch holds more than once is flagged on each of its rows. Of equal bets under different ids those of the
    batch that are not the earliest are flagged, unless such copies are usual at their book.
    """
    twice = FlagRule(
        DUPLICATE, where(pl.col("id").is_duplicated(), "critical"), pl.format("the id {} stands twice", "id")
    )
    under_another_id = FlagRule(
        DUPLICATE,
        unlike_its_book(pl.col(COPY), "duplicate_share", baseline, thresholds, new="high"),
        pl.format(
            "the same bet stands under another id: {}, {}, placed {}",
            "institution_name",
            "american_odds",
            PLACED_SECOND,
        ),
    )
    # In one piece, as `require` has them.
    bets = collected(marked(batch, neighbours)).rechunk()
    return pl.concat([twice.flags(batch.lazy()), under_another_id.flags(bets.lazy())])


def marked(batch: pl.DataFrame, neighbours: pl.DataFrame) -> pl.LazyFrame:
    """The batch with the flag COPY: whether the bet is a copy of another bet of the batch or of a neighbour.

    Both frames have the columns of BATCH_SCHEMA. One row per id of the batch, the first one, in the order of the
    batch; COPY is null where a column that is needed to recognise a bet is null.
    """
    # An earlier version of a bet is no copy of it; and of an id that stands twice only that is to be said.
    others = neighbours.lazy().join(batch.lazy(), on="id", how="anti", nulls_equal=True)
    once = batch.lazy().unique("id", keep="first", maintain_order=True)
    bets = pl.concat([others.with_columns(new=False), once.with_columns(new=True)])
    return with_copies(bets, ("new", "created_at", "known_at", "seq")).filter("new").drop("new")
