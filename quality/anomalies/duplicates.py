"""duplicate: one id twice, or one bet under two ids."""

from __future__ import annotations

import polars as pl

from quality.anomalies.baseline import Baseline
from quality.anomalies.flags import FlagRule, unlike_its_book, where
from quality.anomalies.relations import COPY, PLACED_SECOND, with_copies
from quality.anomalies.thresholds import Thresholds

DUPLICATE = "duplicate"


def flags(batch: pl.DataFrame, neighbours: pl.DataFrame, baseline: Baseline, thresholds: Thresholds) -> pl.LazyFrame:
    """ANOMALIES of rows that were there before. Of two that are the same bet, the later one is flagged."""
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
    return pl.concat([twice.flags(batch.lazy()), under_another_id.flags(marked(batch, neighbours).lazy())])


def marked(batch: pl.DataFrame, neighbours: pl.DataFrame) -> pl.DataFrame:
    """The batch, each id once, and COPY: whether a bet is a copy of another of the batch or of a neighbour."""
    # An earlier version of a bet is no copy of it; and of an id that stands twice only that is to be said.
    others = neighbours.join(batch, on="id", how="anti", nulls_equal=True)
    once = batch.unique("id", keep="first", maintain_order=True)
    bets = pl.concat([others.with_columns(new=False), once.with_columns(new=True)])
    return with_copies(bets, ("new", "created_at", "known_at", "seq")).filter("new").drop("new").rechunk()
