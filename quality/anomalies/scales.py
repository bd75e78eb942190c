"""Scales on which prices, stakes and closing lines are roughly symmetric, so that one spread serves both sides.

Every expression is null where its column is null or has no place on the scale (a stake of 0, a price of 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Scale:
    """A column's values on its scale, and the spread below which no baseline goes."""

    value: pl.Expr
    minimum_spread: float


def log_odds(american: pl.Expr) -> pl.Expr:
    """Log-odds of the implied probability of an American price: 0 at +100 and -100, above for favourites."""
    return pl.when(american != 0).then(-american.sign() * (american.abs() / 100).log())


def american_price(log_odds: pl.Expr) -> pl.Expr:
    """The American price with these log-odds, whole."""
    return (pl.when(log_odds > 0).then(-1).otherwise(1) * 100 * log_odds.abs().exp()).round()


def payout(american: pl.Expr) -> pl.Expr:
    """Percent of the stake that a win at this price pays."""
    return 100 * (-log_odds(american)).exp()


def log_ratio(percent: pl.Expr) -> pl.Expr:
    """Log of the factor that a change in percent stands for; null at -100 and below."""
    return pl.when(percent > -100).then((1 + percent / 100).log())


price, stake, closing = pl.col("american_odds"), pl.col("amount_cents"), pl.col("clv_percentage")

SCALES = {
    # Half a unit is -110 against +150.
    "american_odds": Scale(log_odds(price), 0.5),
    # Half a unit is a factor of 1.65.
    "amount": Scale(pl.when(stake > 0).then((stake / 100).log()), 0.5),
    "clv_percentage": Scale(log_ratio(closing), 0.02),
    "roi": Scale(pl.when(pl.col("is_win")).then(log_ratio(pl.col("roi"))), 0.5),
}
