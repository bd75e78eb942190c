"""Placed bets and their versions, spelled as the source spells them: its columns, its types, its names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from feature_repo.bets.odds import implied_probability_expression
from ingestion.sample.arrays import Floats, IntegerArray
from ingestion.sample.bets import PlacedBets
from ingestion.sample.catalogue import BET_TYPES, BOOKS, LEAGUES, MARKETS, SPORTS
from ingestion.sample.change_log import PENDING, STATUSES, WIN, BetVersions
from ingestion.sample.prices import american

_INSTANT = pl.Datetime("us", "UTC")


def as_table(bets: PlacedBets, versions: BetVersions, seed: int) -> pl.DataFrame:
    """One row for each version, in the order of the versions, with the 22 columns of the source.

    Amounts and profits are in units of the currency, roi and clv_percentage in percent, instants in UTC; what a pending
    bet does not know yet is null.
    """
    bet, status = versions.bet, versions.status
    settled = status != PENDING
    price, odds = bets.price[bet], np.rint(bets.odds[bet])
    implied = implied_probability_expression(pl.Series(odds)).to_numpy()
    closing = np.where(settled, bets.closing_price[bet], np.nan)
    clv = np.round(100 * (price / closing - 1), 4)
    amount, profit = versions.stake / 100, np.where(settled, versions.profit / 100, np.nan)
    market = np.where(bets.bet_type[bet] > 0, len(MARKETS) + (bets.bet_type[bet] > 1), versions.market)
    return pl.DataFrame(
        {
            "id": _ids(bets, seed).gather(bet),
            "bet_type": _named(list(BET_TYPES), bets.bet_type[bet]),
            "status": _named(STATUSES, status),
            "odds": bets.odds[bet],
            "american_odds": odds.astype(np.int32),
            "amount": amount,
            "profit": _numbers(profit),
            "roi": _numbers(np.round(100 * profit / np.where(amount > 0, amount, np.nan), 4)),
            "clv_percentage": _numbers(clv),
            "clv_ev": _numbers(np.round(clv * implied, 4)),
            "clv_current_odds": _numbers(american(closing).round(4)),
            "sport": _named([sport.name for sport in SPORTS], bets.sport[bet]),
            # The position before the first is NO_LEAGUE.
            "league": _named([None, *LEAGUES], bets.league[bet] + 1),
            "market": _named([*(each.name for each in MARKETS), "Parlay", "Round Robin"], market),
            "institution_name": _named([book.name for book in BOOKS], bets.book[bet]),
            "is_live": bets.live[bet],
            "is_settled": settled,
            # Like the source: false for a push, a void and a cash-out too.
            "is_win": pl.Series(status == WIN).zip_with(pl.Series(settled), pl.Series([None], dtype=pl.Boolean)),
            "created_at": _instants(bets.created[bet]),
            "updated_at": _instants(versions.updated),
            "time_placed": _instants(bets.placed[bet]),
            "settled_at": _instants(bets.decided[bet]).zip_with(pl.Series(settled), pl.Series([None], dtype=_INSTANT)),
        }
    )


def _ids(bets: PlacedBets, seed: int) -> pl.Series:
    """`b` and 16 hexadecimal digits, for several legs `p`; no two alike."""
    with np.errstate(over="ignore"):
        # The steps of splitmix64: each can be undone, so different numbers stay different.
        mixed = (np.arange(len(bets), dtype=np.uint64) + np.uint64(seed % 2**32) * np.uint64(2**32)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    letters = np.empty((len(bets), 17), np.uint8)
    letters[:, 0] = np.where(bets.multi_leg, ord("p"), ord("b"))
    digits = np.frombuffer(mixed.astype(">u8").tobytes().hex().encode(), np.uint8)
    letters[:, 1:] = digits.reshape(-1, 16)
    ends = np.arange(len(bets) + 1, dtype=np.int64) * 17
    return pl.Series(
        pl.from_arrow(pa.LargeStringArray.from_buffers(len(bets), pa.py_buffer(ends), pa.py_buffer(letters)))
    )


def _named(names: Sequence[str | None], positions: IntegerArray) -> pl.Series:
    return pl.Series(names, dtype=pl.String).gather(pl.Series(positions.astype(np.uint32)))


def _numbers(values: Floats) -> pl.Series:
    return pl.Series(values).fill_nan(None)


def _instants(microseconds: IntegerArray) -> pl.Series:
    return pl.Series(microseconds, dtype=pl.Int64).cast(_INSTANT)
