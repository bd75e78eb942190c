"""What must hold between the columns of one bet: every reason to reject it that no single column shows.

A rule is judged where the columns it takes as given are there and sound, and those it takes as absent are not there.
Its condition is written with operators that mean the same on Python values and on Polars expressions
(`&`, `|`, comparisons, arithmetic without division), so the row-by-row and the frame-speed judge share it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import or_
from types import SimpleNamespace
from typing import Any

from feature_repo.bets.bet_status import BetStatus
from feature_repo.bets.bet_types import BetType


@dataclass(frozen=True)
class Rule:
    """A reason, where it is judged, and the condition under which the bet is rejected."""

    reason: str
    given: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    broken: Callable[[Any], Any] = lambda _: True

    def rejects(self, bet: SimpleNamespace, there: set[str], absent: set[str]) -> bool:
        """Whether one bet is rejected. Of its columns some are there, some absent, and those at fault are neither."""
        return there.issuperset(self.given) and absent.issuperset(self.absent) and bool(self.broken(bet))


# Long-shot parlays are real; a straight bet at such a price is a fault.
STRAIGHT_LIMIT, MULTI_LEG_LIMIT = 10_000, 1_000_000
LOWEST_ROI = -1_000
# Percentage points by which a ROI may differ from profit / amount, and what floating point may add to that.
ROI_TOLERANCE, ROUNDING = 1.0, 1e-9
# Profit is judged to the cent.
HALF_A_CENT = 0.005
# Two clocks write time_placed and settled_at, and may differ by this much.
TWO_CLOCKS = timedelta(minutes=1)


def limit(bet_type: Any) -> Any:
    """How far the odds and the ROI of this bet may reach."""
    return STRAIGHT_LIMIT + (MULTI_LEG_LIMIT - STRAIGHT_LIMIT) * (bet_type != BetType.STRAIGHT)


def same_price(odds: Any, american: Any) -> Any:
    """Whether `odds`, read as an American or as a decimal price, is within 1 % of the decimal price of `american`.

    Sources round american_odds to whole numbers; +100 and -100 are one price.
    """
    reach = abs(american)
    as_american = abs(odds - american) <= 1 + reach / 100
    even = (abs(odds) == 100) & (reach == 100)
    over = odds - 1  # what a decimal price pays over the stake: american / 100, or 100 / |american|
    as_decimal = (odds > 1) & (
        ((american > 0) & (abs(100 * over - american) <= odds))
        | ((american < 0) & (abs(over * reach - 100) <= odds * reach / 100))
    )
    return as_american | even | as_decimal


def is_lost_bonus_bet(status: Any, profit: Any) -> Any:
    """Whether a bet was lost and cost nothing: its stake was a bonus, and was not at risk."""
    return (status == BetStatus.LOSS) & (abs(profit) <= ROUNDING)


def is_one_of(value: Any, *names: str) -> Any:
    """`value in names`, in operators that a Polars expression has too."""
    return reduce(or_, (value == name for name in names))


_BOTH_LIMITS = f"{STRAIGHT_LIMIT:,} ({MULTI_LEG_LIMIT:,} for multi-leg bets)"

RULES = (
    Rule("id: missing", absent=("id",)),
    Rule("bet_type: missing", absent=("bet_type",)),
    Rule("status: missing", absent=("status",)),
    Rule("updated_at: missing, and created_at too", absent=("updated_at", "created_at")),
    Rule("time_placed: missing, and created_at too", absent=("time_placed", "created_at")),
    Rule(
        "profit: missing on a graded bet",
        given=("status",),
        absent=("profit",),
        broken=lambda bet: is_one_of(bet.status, BetStatus.WIN, BetStatus.LOSS, BetStatus.CASHEDOUT),
    ),
    Rule(
        f"odds: beyond ±{_BOTH_LIMITS}",
        given=("bet_type", "odds"),
        broken=lambda bet: abs(bet.odds) > limit(bet.bet_type),
    ),
    Rule(
        f"american_odds: beyond ±{_BOTH_LIMITS}",
        given=("bet_type", "american_odds"),
        broken=lambda bet: abs(bet.american_odds) > limit(bet.bet_type),
    ),
    Rule(
        "american_odds: inside (-100, 100)",
        given=("american_odds",),
        broken=lambda bet: abs(bet.american_odds) < 100,
    ),
    Rule(
        "odds: not the price that american_odds names",
        given=("odds", "american_odds"),
        broken=lambda bet: (abs(bet.american_odds) >= 100) & (same_price(bet.odds, bet.american_odds) ^ True),
    ),
    Rule(
        f"roi: outside {LOWEST_ROI:,} to {_BOTH_LIMITS}",
        given=("bet_type", "roi"),
        broken=lambda bet: (bet.roi < LOWEST_ROI) | (bet.roi > limit(bet.bet_type)),
    ),
    Rule(
        "roi: differs from profit / amount by more than 1 point",
        given=("status", "amount", "profit", "roi"),
        broken=lambda bet: (
            (bet.amount > 0)
            & (abs(bet.roi * bet.amount - 100 * bet.profit) > (ROI_TOLERANCE + ROUNDING) * bet.amount)
            # Of a lost bonus bet some sources say that all of its stake is gone.
            & ((is_lost_bonus_bet(bet.status, bet.profit) ^ True) | (abs(bet.roi + 100) > ROI_TOLERANCE + ROUNDING))
        ),
    ),
    # A dead heat, or a bet of several legs, can be won and return less than its stake.
    Rule(
        "profit: the whole stake lost on a win",
        given=("status", "amount", "profit"),
        broken=lambda bet: (
            (bet.status == BetStatus.WIN) & (bet.profit < -HALF_A_CENT) & (bet.profit <= HALF_A_CENT - bet.amount)
        ),
    ),
    Rule(
        "profit: negative on a win, and no amount to hold it against",
        given=("status", "profit"),
        absent=("amount",),
        broken=lambda bet: (bet.status == BetStatus.WIN) & (bet.profit < -HALF_A_CENT),
    ),
    Rule(
        "profit: positive on a loss",
        given=("status", "profit"),
        broken=lambda bet: (bet.status == BetStatus.LOSS) & (bet.profit > HALF_A_CENT),
    ),
    Rule(
        "profit: not 0 on a push or void",
        given=("status", "profit"),
        broken=lambda bet: is_one_of(bet.status, BetStatus.PUSH, BetStatus.VOID) & (abs(bet.profit) > HALF_A_CENT),
    ),
    Rule(
        "is_settled: contradicts status",
        given=("status", "is_settled"),
        broken=lambda bet: bet.is_settled != (bet.status != BetStatus.PENDING),
    ),
    Rule(
        "is_win: contradicts status",
        given=("status", "is_win"),
        broken=lambda bet: bet.is_win != (bet.status == BetStatus.WIN),
    ),
    Rule(
        "settled_at: more than a minute before time_placed",
        given=("time_placed", "settled_at"),
        # The earliest year is 2000, so that nothing leaves the calendar here.
        broken=lambda bet: bet.time_placed - TWO_CLOCKS > bet.settled_at,
    ),
    Rule(
        "updated_at: before created_at",
        given=("created_at", "updated_at"),
        broken=lambda bet: bet.created_at > bet.updated_at,
    ),
)
