"""What a price says. American odds: a negative number is the stake that wins 100, a positive one the profit on 100.

The implied probability stands here for one price and, beside it, for a column. SQL that computes it refers to this
module, and tests/feature_repo/bets/test_odds.py holds all of them together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import narwhals as nw
    import polars as pl

_Prices = TypeVar("_Prices", "nw.Expr", "pl.Expr", "pl.Series")


def implied_probability(american_odds: float | None) -> float | None:
    """The chance at which a bet at this price breaks even, between 0 and 1. A missing price is None.

    Raises ValueError for a number inside (-100, 100), which no price can be (a decimal price of 1.91, say).

    >>> implied_probability(-150), implied_probability(300)
    (0.6, 0.25)
    """
    if american_odds is None or math.isnan(american_odds):
        return None
    size = abs(american_odds)
    if size < 100:
        hint = _if_decimal(american_odds)
        raise ValueError(f"american odds of {american_odds:g} lie inside (-100, 100), where no price can be{hint}")
    return max(-american_odds, 100) / (size + 100)


def implied_probability_expression(american_odds: _Prices) -> _Prices:
    """`implied_probability` of a column: floats, null for null. What is inside (-100, 100) has to be sorted out before.

    >>> import polars as pl
    >>> implied_probability_expression(pl.Series([-150, 300, None])).to_list()
    [0.6, 0.25, None]
    """
    # The stake is the number of a favourite's price, and 100 for an outsider, whose negated number lies below 100.
    return (-american_odds).clip(100) / (american_odds.abs() + 100)


def decimal_odds(american_odds: float | None) -> float | None:
    """What a winning stake of 1 pays back, stake included: above 1. A missing price is None.

    >>> decimal_odds(300), decimal_odds(-100)
    (4.0, 2.0)
    """
    probability = implied_probability(american_odds)
    return None if probability is None else 1 / probability


def american_of_decimal(decimal: float) -> int | None:
    """The American price that pays what this decimal one does, in whole numbers, half a point up. None up to 1.

    >>> american_of_decimal(1.91), american_of_decimal(2.5), american_of_decimal(1.0)
    (-110, 150, None)
    """
    if not decimal > 1 or math.isinf(decimal):
        return None
    exact = (decimal - 1) * 100 if decimal >= 2 else -100 / (decimal - 1)
    # Binary fractions: 100 times 2.10 - 1 is 110.00000000000001, and must not be half a point off at .5.
    return math.floor(round(exact, 8) + 0.5)


def american_of_decimal_expression(decimal: pl.Expr) -> pl.Expr:
    """The American prices of a column of decimal ones above 1, to eight digits; those of one price are made whole."""
    import polars as pl

    exact = pl.when(decimal >= 2).then((decimal - 1) * 100).otherwise(-100 / (decimal - 1))
    return exact.round(8)


def _if_decimal(odds: float) -> str:
    american = american_of_decimal(odds)
    return "" if american is None else f"; the decimal price {odds:g} is {american:+d}"


def clv_expected_value(clv_percentage: float | None, american_odds: float | None) -> float | None:
    """`clv_ev`: closing line value times the implied probability of the price, in percent. None without either.

    >>> clv_expected_value(2.5, 300)
    0.625
    """
    probability = implied_probability(american_odds)
    if clv_percentage is None or math.isnan(clv_percentage) or probability is None:
        return None
    return clv_percentage * probability
