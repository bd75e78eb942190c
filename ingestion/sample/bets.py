"""Bets as they are placed: when, on what, at which book, at what price and for how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ingestion.sample.arrays import BooleanArray, Floats, IntegerArray, pick
from ingestion.sample.catalogue import (
    BET_TYPES,
    BOOKS,
    FIRST_LEAGUE,
    FIRST_MARKET,
    MARKETS,
    NO_LEAGUE,
    OFF_SEASON,
    SPORTS,
    Sport,
)
from ingestion.sample.prices import chances, closing_prices, quoted, stakes
from ingestion.sample.times import decisions, months, placements

# Shares of all bets, and of those of several legs.
_LIVE, _FREE, _NO_LEAGUE, _SEVERAL_LEAGUES = 0.12, 0.006, 0.003, 0.95
# A market that is decided this early in its event is bet on live.
_WITHIN_MINUTES = 0.1


@dataclass(frozen=True)
class PlacedBets:
    """Placed bets, oldest first. Instants are microseconds since 1970, money is cents, categories are positions."""

    placed: IntegerArray
    created: IntegerArray
    decided: IntegerArray  # when the outcome stands, whether or not that has come
    bet_type: IntegerArray  # in BET_TYPES
    sport: IntegerArray  # in SPORTS
    league: IntegerArray  # in LEAGUES, or NO_LEAGUE
    market: IntegerArray  # in MARKETS; means nothing for several legs
    book: IntegerArray  # in BOOKS
    live: BooleanArray
    stake: IntegerArray  # 0 for a free bet
    worth: IntegerArray  # the stake, or what a free bet counts as
    price: Floats  # decimal
    odds: Floats  # American, as exact as the book quotes
    closing_price: Floats  # decimal; NaN where the source does not know it
    chance: Floats  # to win, if it is neither pushed nor void

    def __len__(self) -> int:
        return len(self.placed)

    @property
    def multi_leg(self) -> BooleanArray:
        """Parlays and round robins."""
        return self.bet_type > 0


def place(count: int, now: int, random: np.random.Generator) -> PlacedBets:
    """Draw `count` bets, oldest first. The newest was placed minutes before `now` (microseconds since 1970)."""
    placed = placements(count, now, random)
    bet_type = pick(list(BET_TYPES.values()), count, random)
    multi_leg = bet_type > 0
    sport = _sports(placed, random)
    market = _of_sport(sport, FIRST_MARKET, lambda each: [market.share for market in each.markets], random)
    league = _of_sport(sport, FIRST_LEAGUE, lambda each: list(each.leagues.values()), random)
    league[random.random(count) < np.where(multi_leg, _SEVERAL_LEAGUES, _NO_LEAGUE)] = NO_LEAGUE
    book = pick([book.share for book in BOOKS], count, random)
    live = _live(market, random) & ~multi_leg
    chance, implied = chances(market, bet_type, book, random)
    price, odds = quoted(implied, book)
    closing_price = closing_prices(price, multi_leg, random)
    worth = stakes(multi_leg, random)
    return PlacedBets(
        placed=placed,
        # The source notices a bet up to five seconds later, to the millisecond.
        created=np.minimum(placed + random.integers(50, 5_000, count) * 1_000, now),
        decided=decisions(placed, sport, league, market, live, multi_leg, random),
        bet_type=bet_type,
        sport=sport,
        league=league,
        market=market,
        book=book,
        live=live,
        stake=np.where(random.random(count) < _FREE, 0, worth),
        worth=worth,
        price=price,
        odds=odds,
        closing_price=closing_price,
        # Where the price was shorter at the close, the market had learned something.
        chance=np.clip(chance * (1 + 0.5 * np.nan_to_num(price / closing_price - 1)), 0, 0.99),
    )


def _sports(placed: IntegerArray, random: np.random.Generator) -> IntegerArray:
    month = months(placed)
    sport = np.empty(len(placed), np.int64)
    for each in range(1, 13):
        here = month == each
        shares = [s.share * (1 if each in s.months else OFF_SEASON) for s in SPORTS]
        sport[here] = pick(shares, int(here.sum()), random)
    return sport


def _of_sport(
    sport: IntegerArray, first: IntegerArray, shares: Callable[[Sport], Sequence[float]], random: np.random.Generator
) -> IntegerArray:
    """For each bet one of its sport's names, as a position in the names of all sports."""
    chosen = np.empty(len(sport), np.int64)
    for position, each in enumerate(SPORTS):
        here = sport == position
        chosen[here] = first[position] + pick(shares(each), int(here.sum()), random)
    return chosen


def _live(market: IntegerArray, random: np.random.Generator) -> BooleanArray:
    share = [0 if each.ends is None else 1 if each.ends <= _WITHIN_MINUTES else _LIVE for each in MARKETS]
    return random.random(len(market)) < np.array(share)[market]
