"""What a bet is made of: one leg (straight) or several, and how sources spell it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class BetType(StrEnum):
    """The types that have one name. A round robin by Ns is `round_robin_N` (NUMBERED_ROUND_ROBIN)."""

    STRAIGHT = "straight"
    PARLAY = "parlay"
    SAME_GAME_PARLAY = "same_game_parlay"
    TEASER = "teaser"
    ROUND_ROBIN = "round_robin"


# In lower case. All parlays of two legs, of three legs, and so on. It means the same to Python's `re` and to Polars.
NUMBERED_ROUND_ROBIN: Final = r"^round_robin_(?:[2-9]|[1-9][0-9])$"

# What sources call them, in lower case.
BET_TYPE_SYNONYMS: Final = {
    **dict.fromkeys(("sgp", "same game parlay", "same-game parlay", "same-game-parlay"), BetType.SAME_GAME_PARLAY),
    "round robin": BetType.ROUND_ROBIN,
}


def known_bet_type(text: str) -> str | None:
    """The type that a source means, in any letter case; null for one that nobody knows.

    >>> known_bet_type("SGP"), known_bet_type("Round_Robin_3"), known_bet_type("lottery")
    ('same_game_parlay', 'round_robin_3', None)
    """
    lower = text.lower()
    if lower in BET_TYPE_SYNONYMS:
        return BET_TYPE_SYNONYMS[lower].value
    return lower if lower in set(BetType) or re.fullmatch(NUMBERED_ROUND_ROBIN, lower) else None
