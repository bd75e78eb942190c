"""The five groupings of bets, as plain data.

A grouping is a set of bet columns whose values name a group ("Soccer" and "Moneyline" name one `sport_market`). Each
group has one text key (`feature_repo/group_keys.py`), one running state, and one row per instant at which it changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Group:
    """One grouping.

    `name`      of the grouping, of its entity, and the first part of its features' names
    `columns`   the bet columns whose values make up its key, in this order
    `join_key`  the column that holds the key
    `bets`      how texts call the bets of one group
    """

    name: str
    columns: tuple[str, ...]
    join_key: str
    bets: str


SPORT: Final = Group("sport", ("sport",), "sport", "bets on the sport")
SPORT_MARKET: Final = Group("sport_market", ("sport", "market"), "sport_market", "bets on the market of the sport")
SPORT_LEAGUE: Final = Group("sport_league", ("sport", "league"), "sport_league", "bets on the league")
SPORT_LEAGUE_MARKET: Final = Group(
    "sport_league_market", ("sport", "league", "market"), "sport_league_market", "bets on the market of the league"
)
INSTITUTION: Final = Group("institution", ("institution_name",), "institution_name", "bets with the sportsbook")

GROUPS: Final = (SPORT, SPORT_MARKET, SPORT_LEAGUE, SPORT_LEAGUE_MARKET, INSTITUTION)

# Every column that some grouping goes by.
GROUP_COLUMNS: Final = tuple(dict.fromkeys(column for group in GROUPS for column in group.columns))
