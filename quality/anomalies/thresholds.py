"""How odd a row may be before it is flagged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Thresholds:
    """The limits of `detect`. Those that end in `_z` count robust spreads of earlier accepted bets."""

    odds_z: float = 3.5
    clv_z: float = 3.0
    amount_z: float = 4.0
    roi_z: float = 4.0
    #: From here on a price or stake is high, not medium.
    high_z: float = 5.0
    #: Interquartile ranges beyond the quartiles.
    iqr_multiplier: float = 2.5

    #: Percent, either side of 0.
    clv_medium: float = 20.0
    clv_high: float = 30.0
    #: Dollars; more is too much, as much is not.
    amount_limit: float = 10_000.0
    oldest: timedelta = timedelta(days=5 * 365)
    #: How far past the clock a time may lie.
    tolerance: timedelta = timedelta(minutes=5)

    #: A book that breaks a relation in fewer than this share of its bets keeps it, ...
    rare: float = 0.01
    #: ... and in one that breaks it in more than this share there is no such relation.
    usual: float = 0.5
    #: A win that pays within this share of its price may be a commission or a boost.
    payout_slack: float = 0.1


DEFAULT = Thresholds()
