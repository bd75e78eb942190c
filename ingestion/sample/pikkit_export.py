"""The synthetic sample in the shape of Pikkit's own export: one row a bet, as the app would have had it at an instant.

What the shares come from: two real exports, 2,498 bets of 2022 to 2024 and 1,858 of 2025.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from feature_repo.bets.bet_status import BetStatus
from feature_repo.bets.bet_types import BetType
from ingestion.sample.arrays import BooleanArray, Floats, IntegerArray, pick

#: The orders of columns that are around: by when the app wrote it.
LAYOUTS: Final = ("iso-last", "iso-beside", "without-iso")
_FIRST: Final = ("bet_id", "sportsbook", "type", "status", "odds", "closing_line", "ev", "amount", "profit")
_TIMES: Final = {
    "iso-last": ("time_placed", "time_settled", "time_placed_iso", "time_settled_iso"),
    "iso-beside": ("time_placed", "time_placed_iso", "time_settled", "time_settled_iso"),
    "without-iso": ("time_placed", "time_settled"),
}
_LAST: Final = ("bet_info", "tags", "sports", "leagues")

# Of the graded bets those cashed out for what they cost; of the losses those of bonus bets; of all bets the others.
_CASHED_OUT, _BONUS, _NO_ODDS, _TAGGED, _MIXED_LEGS = 0.055, 0.053, 0.001, 0.02, 0.5
_CLOSING_KNOWN, _CLOSING_LATE, _CLOSING_STALE = 0.70, 0.2, 0.004
_CLOSING_DELAY: Final = timedelta(days=2)
# Every straight of that price is refused, and one is in the real file.
_LONGEST_PRICE, _SMALLEST_STAKE = 130.91, 0.0091
# Up to here a stale closing line makes a CLV of no more than 139 %.
_LONGEST_STALE: Final = 4.58

_BOOKS: Final = {
    "DraftKings": "Draftkings Sportsbook",
    "FanDuel": "Fanduel Sportsbook",
    "Caesars": "Caesars - Michigan",
    "ESPN BET": "ESPN BET",
    "Pinnacle": "Novig",
    "Betfair Exchange": "Kalshi",
    "Bet&Win": "Fliff",
    "William Hill": "PrizePicks",
    "Ladbrokes": "ESPNBet",
}
_EXCHANGES: Final = ("Novig", "Kalshi")
# The book that says neither sport nor league, for most of its bets on the large leagues and half of the others:
# 8 % of all.
_SILENT_BOOK, _SILENT, _SILENT_ELSEWHERE = "BetMGM", 0.95, 0.5

_TEAMS: Final = {
    "NBA": ("Boston Celtics", "Los Angeles Lakers", "Milwaukee Bucks", "Denver Nuggets", "Utah Jazz", "Miami Heat"),
    "NFL": (
        "Kansas City Chiefs",
        "Buffalo Bills",
        "Detroit Lions",
        "Dallas Cowboys",
        "New York Jets",
        "Green Bay Packers",
    ),
    "MLB": (
        "Chicago Cubs",
        "New York Yankees",
        "Houston Astros",
        "San Diego Padres",
        "Texas Rangers",
        "Cincinnati Reds",
    ),
    "NHL": (
        "Boston Bruins",
        "Edmonton Oilers",
        "Los Angeles Kings",
        "Dallas Stars",
        "Anaheim Ducks",
        "New York Rangers",
    ),
}
_OTHERS: Final = ("Northfield", "St Anne's", "Río Alto", "Kirkby Town", "Vale United", "East Harbour")
_PLAYERS: Final = ("AJ Brook", "Luka O'Dell", "Jean-Paul Roy", "Sam Ortiz", "D'Angelo Reed", "Mats Lindqvist")


def as_pikkit_export(log: pl.DataFrame, until: datetime, seed: int, layout: str | None = None) -> pl.DataFrame:
    """The export of the bets of a change log of `generate_sample`, as the app would have made it at `until`.

    One row for each bet placed by then, oldest first, every column text, with blanks for what is missing: a bet that
    settles later is PLACED. Of two instants, the rows of the later one are those of the earlier, settled where they
    were open, with a few closing lines more, and new ones. `layout` is one of LAYOUTS; else the seed chooses.
    """
    bets = _bets(log)
    random = np.random.default_rng((seed, 1))
    luck = {name: random.random(bets.height) for name in ("cash", "bonus", "odds", "late", "silent", "tag", "known")}
    text = _Texts(random, bets.height)
    settled = (bets["settled"] <= until).fill_null(False).to_numpy()
    book = bets["institution_name"].replace(_BOOKS)
    price = _prices(bets)
    closing = _closing_lines(price, luck["known"], random)
    closing[~settled] = np.nan
    late = (luck["late"] < _CLOSING_LATE) & ((bets["settled"] + _CLOSING_DELAY) > until).fill_null(True).to_numpy()
    closing[late] = np.nan
    status, profit = _outcomes(bets, settled, luck)
    amount, profit = _stakes(bets, book, profit, random)
    has_price = luck["odds"] >= _NO_ODDS
    is_large = bets["league"].is_in(list(_TEAMS)).fill_null(False).to_numpy()
    silent = (book == _SILENT_BOOK).to_numpy() & (luck["silent"] < np.where(is_large, _SILENT, _SILENT_ELSEWHERE))
    several = (bets["bet_type"] != BetType.STRAIGHT).to_numpy()
    sports, leagues, infos = text.written(bets, several)
    ev = np.round(price / closing - 1, 4)
    tags = np.where(bets["is_live"].to_numpy(), "live", np.where(luck["tag"] < _TAGGED, "boost, follow", ""))
    frame = pl.DataFrame(
        {
            "bet_id": _ids(bets["id"], book),
            "sportsbook": book,
            "type": bets["bet_type"],
            "status": status,
            "odds": _decimals(np.where(has_price, price, np.nan), 2),
            "closing_line": _decimals(np.where(has_price, closing, np.nan), 2),
            "ev": pl.Series(
                [
                    "" if not is_priced or value != value or value == 0 else f"{value:g}"
                    for value, is_priced in zip(ev, has_price, strict=True)
                ]
            ),
            "amount": amount,
            "profit": _decimals(profit, 2),
            **_times(bets, settled),
            "bet_info": infos,
            "tags": tags,
            "sports": pl.Series(np.where(silent, "", sports)),
            "leagues": pl.Series(np.where(silent, "", leagues)),
        }
    )
    columns = (*_FIRST, *_TIMES[layout or LAYOUTS[seed % len(LAYOUTS)]], *_LAST)
    placed = frame.filter(bets["time_placed"] <= until).select(columns)
    return placed.with_columns(pl.all().replace("", None))


def _bets(log: pl.DataFrame) -> pl.DataFrame:
    """Of each bet its first settled version (else its first), oldest bet first, and when that settled it."""
    settled = pl.col("status") != BetStatus.PENDING
    first = log.sort(~settled, "updated_at").unique("id", keep="first")
    return first.with_columns(pl.when(settled).then("updated_at").alias("settled")).sort("time_placed", "id")


def _prices(bets: pl.DataFrame) -> Floats:
    """Decimal prices of two places; the longest of the straights one that no bet of one leg has."""
    odds = bets["odds"].to_numpy()
    price = np.round(np.where(odds > 0, 1 + odds / 100, 1 - 100 / odds), 2)
    lost = (bets["bet_type"] == BetType.STRAIGHT) & (bets["status"] == BetStatus.LOSS)
    longest = np.argmax(np.where(lost.to_numpy(), price, 0))
    if price[longest] > _LONGEST_PRICE / 4:
        price[longest] = _LONGEST_PRICE
    return np.maximum(price, 1.01)


def _closing_lines(price: Floats, luck: Floats, random: np.random.Generator) -> Floats:
    moved = np.clip(random.normal(0.01, 0.06, len(price)), -0.35, 0.5)
    stale = (random.random(len(price)) < _CLOSING_STALE) & (price < _LONGEST_STALE)
    line = np.where(stale, 1.92, np.maximum(np.round(price / (1 + moved), 2), 1.02))
    return np.where((luck < _CLOSING_KNOWN) & (price != _LONGEST_PRICE), line, np.nan)


def _outcomes(bets: pl.DataFrame, settled: BooleanArray, luck: dict[str, Floats]) -> tuple[pl.Series, Floats]:
    """What the app calls each status, and the net profit: 0 on an open bet, for cash-outs and lost bonus bets."""
    status = bets["status"].to_numpy().astype(object)
    graded = np.isin(status, (BetStatus.WIN, BetStatus.LOSS))
    profit = np.nan_to_num(bets["profit"].to_numpy().astype(float))
    cashed = graded & (luck["cash"] < _CASHED_OUT)
    bonus = (status == BetStatus.LOSS) & (luck["bonus"] < _BONUS)
    profit[cashed | bonus | ~settled] = 0
    status[cashed | (status == BetStatus.CASHEDOUT)] = "SETTLED_CASH_OUT"
    status[~settled] = "PLACED"
    return pl.Series(status.tolist(), dtype=pl.String), profit


def _stakes(
    bets: pl.DataFrame, book: pl.Series, profit: Floats, random: np.random.Generator
) -> tuple[pl.Series, Floats]:
    """Stakes, on exchanges with up to five decimals, and what profits they make."""
    amount = bets["amount"].to_numpy().astype(float)
    scale = np.where(book.is_in(_EXCHANGES).to_numpy(), random.uniform(0.9, 1.1, len(amount)), 1)
    amount, profit = np.round(amount * scale, 5), profit * scale
    small = np.flatnonzero(book.is_in(_EXCHANGES).to_numpy() & (profit < 0))[:1]
    amount[small], profit[small] = _SMALLEST_STAKE, -0.01
    # A loss costs the stake, to the cent.
    profit = np.where(
        (profit < 0) & (bets["status"] == BetStatus.LOSS).to_numpy(), -np.maximum(np.round(amount, 2), 0.01), profit
    )
    return pl.Series([f"{value:.5f}".rstrip("0").rstrip(".") for value in amount]), profit


def _times(bets: pl.DataFrame, settled: BooleanArray) -> dict[str, pl.Series]:
    """When bets were placed and settled, in both spellings; blank where they are open."""
    times = {
        "time_placed": bets["time_placed"] + _milliseconds(bets.height),
        "time_settled": bets["settled"].zip_with(pl.Series(settled), pl.Series([None], dtype=bets["settled"].dtype)),
    }
    spelled = {}
    for name, values in times.items():
        spelled[name] = values.dt.strftime("%m/%d/%Y %H:%M:%S GMT").fill_null("")
        spelled[f"{name}_iso"] = values.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").fill_null("")
    return spelled


def _milliseconds(bets: int) -> pl.Series:
    """What the app knows of a second in which a bet was placed."""
    return pl.Series(np.arange(bets) * 617 % 1_000, dtype=pl.Int64).cast(pl.Duration("ms"))


def _decimals(values: Floats, places: int) -> pl.Series:
    return pl.Series(["" if value != value else f"{value + 0:.{places}f}" for value in values])


# ---- ids -------------------------------------------------------------------------------------------------------------


def _ids(ids: pl.Series, book: pl.Series) -> pl.Series:
    """An id of each bet in the shape of its book's, made of the sample's own, which is 64 bits; no two alike."""
    shapes: dict[str, Callable[[int], str]] = {
        "Fanduel Sportsbook": lambda number: f"O/{number >> 32:010d}/{number & 0xFFFFFFFF:010d}",
        "Draftkings Sportsbook": lambda number: f"{10**17 + number % (9 * 10**17)}",
        "BetMGM": lambda number: f"1Z{base64.b32encode(number.to_bytes(8)).decode().rstrip('=')}",
        "Kalshi": lambda number: f"PlacedBet:{base64.b64encode(number.to_bytes(8)).decode()}",
    }
    book_ids = []
    for position, (text, name) in enumerate(zip(ids, book, strict=True)):
        number = int(text[1:], 16)
        if name == "Fliff":
            book_ids.append(f"{10**9 + position * 7_919 % (9 * 10**9)}")
        else:
            book_ids.append(shapes[name](number) if name in shapes else str(uuid.UUID(int=number << 64 | number)))
    return pl.Series(book_ids, dtype=pl.String)


# ---- what the bets are on --------------------------------------------------------------------------------------------


class _Texts:
    """The texts of bets, from numbers that are drawn once for all of them."""

    def __init__(self, random: np.random.Generator, bets: int) -> None:
        self._legs = 2 + pick([5, 3, 1], bets, random)
        self._mixed, self._per_leg = random.random(bets) < _MIXED_LEGS, random.random(bets) < _MIXED_LEGS
        self._numbers = random.integers(0, 1_000, (bets, 4))

    def written(self, bets: pl.DataFrame, several: BooleanArray) -> tuple[list[str], list[str], list[str]]:
        """For each bet, in order, the texts that the export has of it: its sports, its leagues, and its bet_info.

        `bets` have sport, league and market, `several` says which have several legs. The legs of those are joined by "
        | ": sports and leagues once each, or one per leg.
        """
        sports, leagues, infos = [], [], []
        rows = bets.select("sport", "league", "market").rows()
        singles = [row for row, is_several in zip(rows, several, strict=True) if not is_several] or rows
        for position, row in enumerate(rows):
            legs = [row]
            if several[position]:
                others = range(self._legs[position])
                same = [leg for leg in singles if leg[0] == row[0]] if not self._mixed[position] else singles
                legs = [(same or singles)[(position * 31 + 7 * each) % len(same or singles)] for each in others]
            is_set = not self._per_leg[position]
            sports.append(_joined([leg[0] for leg in legs], is_set))
            leagues.append(_joined([leg[1] or "" for leg in legs], is_set))
            infos.append(" | ".join(_info(leg, self._numbers[position] + each) for each, leg in enumerate(legs)))
        return sports, leagues, infos


def _joined(names: Sequence[str], is_set: bool) -> str:
    return " | ".join(filter(None, dict.fromkeys(names) if is_set else names))


def _info(leg: tuple[str, str | None, str], numbers: IntegerArray) -> str:
    """The text of one leg (its sport, league and market): the selection, the market, the event."""
    sport, league, market = leg
    first, second, third, fourth = (int(number) for number in numbers)
    teams = _TEAMS.get(league or "", _OTHERS)
    home = first % len(teams)
    away = (home + 1 + second % (len(teams) - 1)) % len(teams)
    event = f"{teams[away]} {('@', 'at', 'vs', 'v')[third % 4]} {teams[home]}"
    side, line = teams[(home, away)[fourth % 2]], f"{third % 40 + 0.5}"
    over = ("Over", "Under")[first % 2]
    player = _PLAYERS[second % len(_PLAYERS)]
    if "Total" in market:
        return f"{over} {line} {market} {event}"
    if market.startswith(("Player", "Pitcher")) or "Yards" in market:
        counted = market.removeprefix("Player ").removeprefix("Pitcher ").replace(" + ", ", ")
        return f"{over} {line} {player} {counted} {event}"
    if any(word in market for word in ("Spread", "Line", "Handicap")):
        return f"{side} {('-', '+')[first % 2]}{line} {market} {event}"
    if "Scorer" in market or sport in ("Golf", "Tennis", "MMA"):
        return f"{player} {market} {_PLAYERS[(second + 1) % len(_PLAYERS)]} v {player}"
    return f"{('Yes', side)[first % 2] if 'Both' in market else side} {market} {event}"
