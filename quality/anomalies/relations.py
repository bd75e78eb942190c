"""What columns of one bet say about each other. Some sources keep to these relations and some do not, so how often each
book broke one before decides how odd it is that a bet breaks it.
"""

from __future__ import annotations

import polars as pl

from feature_repo.bets.bet_status import BetStatus
from feature_repo.bets.bet_types import BetType
from quality.anomalies.scales import closing, payout, price, stake
from quality.schema.rules import is_lost_bonus_bet

#: By these a bet is recognised under another id; where one of KNOWN is null it is not.
NATURAL_KEY = (
    *("second", "sport", "league", "market", "institution_name", "american_odds", "amount_cents", "bet_type"),
)
REPEATED_BET_COLUMNS = ("second", "institution_name", "american_odds", "amount_cents")
PLACED_SECOND = pl.col("time_placed").dt.truncate("1s").alias("second")
#: The column that `with_copies` adds.
COPY = "is a copy"

status, roi = pl.col("status"), pl.col("roi")
#: Whether a bet was lost and cost nothing.
LOST_BONUS_BET = is_lost_bonus_bet(status, pl.col("profit_cents")).fill_null(False)
_STRAIGHT = pl.col("bet_type") == BetType.STRAIGHT


def breaks_payout() -> pl.Expr:
    """Whether a graded bet returned what its price does not pay; null where no price or no stake at risk is known.

    A straight bet wins all or half (quarter lines), and loses all or half. Legs that are void lower what a multi-leg
    bet pays, and nothing raises it above its price. A cash-out lies between. A lost bonus bet risked nothing.
    """
    pays = payout(price)
    # A point, and what rounding the money to cents can add; and rounding the price to a whole number.
    cents = 1 + 100 / stake
    tolerance = cents + 0.01 * (100 + pays)
    fits_straight_win = _near(roi, pays, tolerance) | _near(roi, pays / 2, tolerance)
    fits_straight_loss = _near(roi, pl.lit(-100.0), cents) | _near(roi, pl.lit(-50.0), cents)
    within = (roi <= pays + tolerance) & (roi >= -100 - cents)
    fits = (
        pl.when(_STRAIGHT & (status == BetStatus.WIN))
        .then(fits_straight_win)
        .when(_STRAIGHT & (status == BetStatus.LOSS))
        .then(fits_straight_loss)
        .when(status.is_in([BetStatus.WIN, BetStatus.LOSS, BetStatus.CASHEDOUT]))
        .then(within)
    )
    return pl.when((stake > 0) & ~LOST_BONUS_BET & (price.abs() >= 100)).then(~fits)


def is_dead_heat() -> pl.Expr:
    """Whether a straight bet won what a dead heat of two to four pays: its share of the stake won, the rest lost."""
    full_return = 100 + payout(price)
    shares = [_near(roi, full_return / tied - 100, 1 + 100 / stake + 0.01 * full_return) for tied in (2, 3, 4)]
    return _STRAIGHT & (status == BetStatus.WIN) & pl.any_horizontal(shares)


def breaks_clv() -> pl.Expr:
    """Whether clv_percentage is not the gain of the price taken over the price now; null if that is not known."""
    now = pl.col("clv_current_odds")
    taken, current = 1 + payout(price) / 100, 1 + payout(now) / 100
    gain = 100 * (taken / current - 1)
    known = (price.abs() >= 100) & (now.abs() >= 100)
    # american_odds is rounded: up to half a percent of its decimal price.
    return pl.when(known).then(~_near(closing, gain, 1 + 0.01 * (100 + gain)))


def breaks_format() -> pl.Expr:
    """Whether `odds` is not the American price; null if either is missing."""
    odds = pl.col("odds")
    even = (odds.abs() == 100) & (price.abs() == 100)
    return ~(_near(odds, price, 1 + price.abs() / 100) | even)


def with_copies(bets: pl.LazyFrame, order: tuple[str, ...] = ("created_at", "known_at", "seq")) -> pl.LazyFrame:
    """The same rows in the same order with the flag COPY: whether an earlier bet is equal in every NATURAL_KEY column.

    `bets` has time_placed, the other columns of NATURAL_KEY and those of `order`, by which the earliest of equal bets
    is found. COPY is null where time_placed or another of REPEATED_BET_COLUMNS is null.
    """
    known = pl.all_horizontal(pl.col(column).is_not_null() for column in REPEATED_BET_COLUMNS)
    keyed = bets.with_columns(PLACED_SECOND).with_columns(
        pl.when(known).then(pl.struct(NATURAL_KEY).hash()).alias("key"), pl.int_range(pl.len()).alias("row")
    )
    # Hardly any key stands twice, and only those have to be put in order.
    again = keyed.filter(pl.col("key").is_not_null() & pl.col("key").is_duplicated()).sort("key", *order)
    copies = again.filter(~pl.col("key").is_first_distinct()).select("row", pl.lit(True).alias(COPY))
    copy = pl.when(pl.col("key").is_not_null()).then(pl.col(COPY).fill_null(False))
    marked = keyed.join(copies, on="row", how="left", maintain_order="left").with_columns(copy.alias(COPY))
    return marked.drop("second", "key", "row")


def _near(value: pl.Expr, other: pl.Expr, tolerance: pl.Expr) -> pl.Expr:
    return (value - other).abs() <= tolerance


RELATIONS = {
    "payout": breaks_payout(),
    "clv_relation": breaks_clv(),
    "odds_format": breaks_format(),
    "duplicate_share": pl.col(COPY),
}
