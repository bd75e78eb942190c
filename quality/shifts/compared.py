"""What is compared between the batch and earlier bets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from feature_repo.bets.bet_types import BetType
from quality.anomalies.scales import SCALES, Scale, log_odds, price

#: Where values lie; how far out they lie, either way; or only whether they lie further out than before.
Side = Literal["middle", "width", "excess"]

#: Bets that won on the same event and market at so many books are the same bet, or nearly.
EVENT, BOOKS = ("sport", "league", "market", "settled_at"), 3


@dataclass(frozen=True)
class Level:
    """One test of where the values of a column lie."""

    test: str
    scale: Scale
    side: Side
    #: In spreads of its kind: a value that lies further out counts as lying there.
    clipped_at: float
    #: How much the figure moves between ranges of time at the least: a bettor may change without a fault.
    least: float
    what: str

    @property
    def unknown(self) -> float:
        """How much it is taken to move where there are too few ranges to tell."""
        return 2 * self.least

    @property
    def figure(self) -> pl.Expr:
        """The figure of the column `out`: its mean, or the log of the mean distance."""
        out = pl.col("out")
        if self.side == "middle":
            return out.mean()
        # Lines that did not move at all say nothing about the unit of those that did.
        distance = out.abs() if self.side == "excess" else out.filter(pl.col("value") != 0).abs()
        return (distance.mean() + 1e-3).log()


def across_books() -> pl.Expr:
    """By how much the price of a winning straight bet differs from that of the same bet at the other books."""
    known = pl.col("is_win") & (pl.col("bet_type") == BetType.STRAIGHT) & pl.col("settled_at").is_not_null()
    winner = pl.when(known).then(log_odds(price))
    books = pl.when(winner.is_not_null()).then(pl.col("institution_name")).drop_nulls().n_unique()
    return pl.when(books.over(EVENT) >= BOOKS).then(winner - winner.median().over(EVENT))


LEVELS = (
    # Stakes that double are a decision; in cents they are a hundred times as large.
    Level("amount_level", SCALES["amount"], "middle", 4, 0.3, "stakes"),
    Level("price_level", SCALES["american_odds"], "middle", 4, 0.2, "prices"),
    Level("clv_level", SCALES["clv_percentage"], "middle", 4, 0.2, "closing line values"),
    Level("clv_spread", SCALES["clv_percentage"], "width", 10, 0.2, "closing line values"),
    Level(
        "book_agreement",
        Scale(across_books(), 0.05),
        "excess",
        12,
        0.2,
        "prices, off those of other books,",
    ),
)
