"""What bets stand to win: chances, prices as books quote them, closing prices, stakes."""

from __future__ import annotations

import numpy as np

from ingestion.sample.arrays import BooleanArray, Floats, IntegerArray
from ingestion.sample.catalogue import BOOKS, MARKETS, Pricing

# Each leg of a parlay or round robin.
_LEG = Pricing(0.25, 0.75, 4, 4, margin=0.05)
_MOST_LEGS = 8
# No book offers more than about 900 to 1, or less than 1 to 66.
_LOWEST, _HIGHEST = 0.0011, 0.985
_CLOSING_KNOWN = 0.22


def chances(
    market: IntegerArray, bet_type: IntegerArray, book: IntegerArray, random: np.random.Generator
) -> tuple[Floats, Floats]:
    """The probability of each bet to win, and that which its price implies: the book's margin included."""
    pricing = [each.pricing for each in MARKETS]
    low, high, a, b, margin = np.array([(p.low, p.high, p.a, p.b, p.margin) for p in pricing]).T[:, market]
    chance = low + (high - low) * random.beta(a, b)
    implied = chance * (1 + margin * np.array([each.margin for each in BOOKS])[book])
    several = np.flatnonzero(bet_type)
    legs = _legs(bet_type[several], random)
    chance[several], implied[several] = 1, 1
    for leg in range(_MOST_LEGS):
        on_leg = _LEG.low + (_LEG.high - _LEG.low) * random.beta(_LEG.a, _LEG.b, len(several))
        chance[several] *= np.where(leg < legs, on_leg, 1)
        implied[several] *= np.where(leg < legs, on_leg * (1 + _LEG.margin), 1)
    return chance, np.clip(implied, _LOWEST, _HIGHEST)


def _legs(bet_type: IntegerArray, random: np.random.Generator) -> IntegerArray:
    """Two or more for a parlay; round robins say how many in their name."""
    parlay = np.minimum(1 + random.geometric(0.45, len(bet_type)), _MOST_LEGS)
    return np.where(bet_type > 1, bet_type + 1, parlay)


def american(price: Floats) -> Floats:
    """The American odds of a decimal price."""
    return np.where(price >= 2, 100 * (price - 1), -100 / (price - 1))


def quoted(implied: Floats, book: IntegerArray) -> tuple[Floats, Floats]:
    """Decimal and American prices of implied probabilities, rounded as each book does in its own notation."""
    fair = 1 / implied
    decimal = np.where(fair < 10, np.round(fair, 2), np.round(fair * 2) / 2)
    moneyline = american(fair)
    size = np.abs(moneyline)
    step = np.select([size < 300, size < 1_000, size < 3_000], [5.0, 10.0, 50.0], 100.0)
    moneyline = np.round(moneyline / step) * step
    moneyline = np.where(moneyline == -100, 100, moneyline)
    payoff = np.where(moneyline > 0, moneyline / 100, 100 / np.abs(moneyline))
    in_decimal = np.array([each.decimal for each in BOOKS])[book]
    return np.where(in_decimal, decimal, 1 + payoff), np.where(in_decimal, american(decimal).round(4), moneyline)


def closing_prices(price: Floats, multi_leg: BooleanArray, random: np.random.Generator) -> Floats:
    """The last decimal price before the start; NaN where the source does not know it."""
    is_known = (random.random(len(price)) < _CLOSING_KNOWN) & ~multi_leg
    moved = np.clip(random.normal(-0.004, 0.05, len(price)), -0.35, 0.5)
    return np.where(is_known, np.maximum(np.round(price / (1 + moved), 2), 1.01), np.nan)


def stakes(multi_leg: BooleanArray, random: np.random.Generator) -> IntegerArray:
    """Cents: log-normal around 28 dollars (11 for several legs), three quarters of them round amounts."""
    middle = np.log(np.where(multi_leg, 11, 28))
    dollars = np.clip(np.exp(random.normal(middle, 1.05)), 1, 6_000)
    step = np.select([dollars < 10, dollars < 60, dollars < 250, dollars < 1_000], [1, 5, 25, 50], 250)
    rounded = np.maximum(np.round(dollars / step), 1) * step
    dollars = np.where(random.random(len(dollars)) < 0.75, rounded, dollars)
    return np.asarray(np.rint(dollars * 100), np.int64)
