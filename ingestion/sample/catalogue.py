"""What the sample's bets are about: sports, their leagues, markets and seasons; the books; how a market is priced.

Shares are relative to their neighbours. Some names are there because keys must survive them: they have a `|`, a `&`, an
apostrophe, an accent.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

YEAR_ROUND = tuple(range(1, 13))
# How busy a sport is outside its season, against its season.
OFF_SEASON = 0.06


@dataclass(frozen=True)
class Pricing:
    """How a kind of market is priced.

    The fair probability is `low` + (`high` - `low`) · Beta(`a`, `b`); the book adds `margin` to it.
    `push` is the share of settled bets that land on the line.
    """

    low: float
    high: float
    a: float
    b: float
    margin: float
    push: float = 0.0


LINE = Pricing(0.42, 0.58, 14, 14, margin=0.045, push=0.03)
TWO_WAY = Pricing(0.04, 0.96, 2.2, 2.2, margin=0.045)
THREE_WAY = Pricing(0.05, 0.88, 1.9, 2.6, margin=0.055)
PROP = Pricing(0.10, 0.75, 2.5, 2.5, margin=0.07)
LONG_SHOT = Pricing(0.02, 0.50, 1.4, 5, margin=0.14)
OUTRIGHT = Pricing(0.012, 0.45, 1.0, 7, margin=0.18)


@dataclass(frozen=True)
class Market:
    """A market: how often it is bet, how it is priced, and when it is decided.

    `ends` is the part of the event after which it is decided; None if weeks of a season decide it.
    """

    name: str
    share: float
    pricing: Pricing
    ends: float | None = 1.0


@dataclass(frozen=True)
class Sport:
    """A sport: how often it is bet, when it is played, and how long its events last, in hours."""

    name: str
    share: float
    months: tuple[int, ...]
    hours: float
    leagues: dict[str, float]
    markets: tuple[Market, ...]


@dataclass(frozen=True)
class Book:
    """A book: its share of the bets, whether it quotes decimal prices, and its margin against the usual one."""

    name: str
    share: float
    decimal: bool
    margin: float = 1.0


SPORTS = (
    Sport(
        "Soccer",
        24,
        YEAR_ROUND,
        1.9,
        {
            "England Premier League": 16,
            "Spain La Liga": 13,
            "Italy Serie A": 11,
            "Germany Bundesliga": 10,
            "France Ligue 1": 8,
            "UEFA Champions League": 8,
            "MLS": 7,
            "Brasileirão Série A": 6,
            "Argentina Primera División": 4,
            "UEFA Women's Champions League": 2,
        },
        (
            Market("Moneyline 3-Way", 42, THREE_WAY),
            Market("Total Goals", 18, LINE),
            Market("Asian Handicap", 14, LINE),
            Market("Both Teams to Score", 8, PROP),
            Market("Draw No Bet", 4, TWO_WAY),
            Market("Match Result & Both Teams to Score", 4, LONG_SHOT),
            Market("Anytime Goal Scorer", 6, LONG_SHOT),
            Market("Next Corner", 2, PROP, ends=0.1),
            Market("League Winner", 1, OUTRIGHT, ends=None),
        ),
    ),
    Sport(
        "Basketball",
        22,
        (10, 11, 12, 1, 2, 3, 4, 5, 6),
        2.4,
        {"NBA": 55, "NCAAB": 22, "WNBA": 8, "EuroLeague": 7, "NCAA Women's Basketball": 4, "Liga ACB": 4},
        (
            Market("Spread", 24, LINE),
            Market("Total Points", 18, LINE),
            Market("Moneyline", 18, TWO_WAY),
            Market("Player Points", 12, LINE),
            Market("Player Points + Assists", 5, LINE),
            Market("Player Rebounds", 6, LINE),
            Market("1H Total", 5, LINE, ends=0.5),
            Market("1H Spread", 5, LINE, ends=0.5),
            Market("Race to 20 | 1st Quarter", 2, PROP, ends=0.25),
            Market("Championship Winner", 1, OUTRIGHT, ends=None),
        ),
    ),
    Sport(
        "American Football",
        16,
        (9, 10, 11, 12, 1, 2),
        3.3,
        {"NFL": 62, "NCAAF": 30, "CFL": 5, "UFL": 3},
        (
            Market("Spread", 30, LINE),
            Market("Total Points", 20, LINE),
            Market("Moneyline", 20, TWO_WAY),
            Market("Anytime Touchdown Scorer", 10, LONG_SHOT),
            Market("Passing Yards", 7, LINE),
            Market("Receiving Yards", 6, LINE),
            Market("1H Spread", 5, LINE, ends=0.5),
            Market("Division Winner", 1, OUTRIGHT, ends=None),
        ),
    ),
    Sport(
        "Baseball",
        14,
        (3, 4, 5, 6, 7, 8, 9, 10),
        3.0,
        {"MLB": 80, "NPB": 9, "KBO": 8, "Liga Mexicana de Béisbol": 3},
        (
            Market("Moneyline", 38, TWO_WAY),
            Market("Run Line", 18, PROP),
            Market("Total Runs", 18, LINE),
            Market("First 5 Innings Moneyline", 7, TWO_WAY, ends=0.55),
            Market("Pitcher Strikeouts", 9, LINE),
            Market("Player Home Runs", 6, LONG_SHOT),
            Market("Next Half Inning | Any Run", 2, PROP, ends=0.06),
            Market("World Series Winner", 1, OUTRIGHT, ends=None),
        ),
    ),
    Sport(
        "Ice Hockey",
        9,
        (10, 11, 12, 1, 2, 3, 4, 5, 6),
        2.6,
        {"NHL": 78, "AHL": 6, "KHL": 6, "SHL": 6, "Liiga": 4},
        (
            Market("Moneyline", 40, TWO_WAY),
            Market("Puck Line", 20, PROP),
            Market("Total Goals", 20, LINE),
            Market("60 Minutes 3-Way", 8, THREE_WAY),
            Market("Anytime Goal Scorer", 8, LONG_SHOT),
            Market("Stanley Cup Winner", 1, OUTRIGHT, ends=None),
        ),
    ),
    Sport(
        "Tennis",
        8,
        YEAR_ROUND,
        1.8,
        {"ATP": 34, "WTA": 26, "ATP Challenger": 16, "ITF": 12, "Roland-Garros": 8, "Queen's Club Championships": 4},
        (
            Market("Moneyline", 55, TWO_WAY),
            Market("Total Games", 15, LINE),
            Market("Game Handicap", 13, LINE),
            Market("Set Betting", 8, LONG_SHOT),
            Market("Next Game Winner", 7, TWO_WAY, ends=0.04),
            Market("Tournament Winner", 2, OUTRIGHT, ends=None),
        ),
    ),
    Sport(
        "MMA",
        3,
        YEAR_ROUND,
        5.0,
        {"UFC": 78, "PFL": 9, "ONE Championship": 8, "KSW": 5},
        (
            Market("Moneyline", 60, TWO_WAY),
            Market("Method of Victory", 16, LONG_SHOT),
            Market("Total Rounds", 14, LINE),
            Market("Fight Goes the Distance", 10, PROP),
        ),
    ),
    Sport(
        "Golf",
        2,
        YEAR_ROUND,
        76.0,
        {"PGA Tour": 62, "DP World Tour": 20, "LIV Golf": 10, "LPGA": 8},
        (
            Market("Tournament Winner", 34, OUTRIGHT),
            Market("Top 10 Finish", 24, LONG_SHOT),
            Market("Head-to-Head Matchup", 30, TWO_WAY),
            Market("First Round Leader", 12, OUTRIGHT, ends=0.12),
        ),
    ),
    Sport(
        "Cricket",
        2,
        YEAR_ROUND,
        4.0,
        {"IPL": 45, "Big Bash League": 18, "T20 Blast": 15, "The Hundred": 12, "Test Matches": 10},
        (
            Market("Moneyline", 58, TWO_WAY),
            Market("Total Runs", 16, LINE),
            Market("Top Batter", 16, LONG_SHOT),
            Market("Next Over Runs", 8, PROP, ends=0.03),
            Market("Series Winner", 2, OUTRIGHT, ends=None),
        ),
    ),
)

BOOKS = (
    Book("DraftKings", 18, decimal=False),
    Book("FanDuel", 17, decimal=False),
    Book("BetMGM", 11, decimal=False),
    Book("Bet365", 10, decimal=True),
    Book("Caesars", 8, decimal=False),
    Book("Pinnacle", 7, decimal=True, margin=0.45),
    Book("ESPN BET", 6, decimal=False),
    Book("Betfair Exchange", 6, decimal=True, margin=0.4),
    Book("Fanatics", 5, decimal=False),
    Book("Bet&Win", 5, decimal=True, margin=1.15),
    Book("William Hill", 4, decimal=True, margin=1.1),
    Book("Ladbrokes", 3, decimal=True, margin=1.1),
)

BET_TYPES = {"straight": 92.0, "parlay": 7.2, "round_robin_3": 0.4, "round_robin_4": 0.25, "round_robin_5": 0.15}

# The names of all sports together, and where in them each sport's own begin.
MARKETS = tuple(market for sport in SPORTS for market in sport.markets)
LEAGUES = tuple(league for sport in SPORTS for league in sport.leagues)
NO_LEAGUE = -1
FIRST_MARKET = np.array([0, *accumulate(len(sport.markets) for sport in SPORTS)])
FIRST_LEAGUE = np.array([0, *accumulate(len(sport.leagues) for sport in SPORTS)])
