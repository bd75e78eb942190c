"""How a bet stands: pending, won, lost, or settled otherwise, and how sources spell it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class BetStatus(StrEnum):
    """How a bet stands."""

    PENDING = "PENDING"
    WIN = "SETTLED_WIN"
    LOSS = "SETTLED_LOSS"
    PUSH = "SETTLED_PUSH"
    VOID = "SETTLED_VOID"
    CASHEDOUT = "SETTLED_CASHEDOUT"


# What apps and exports call them, in lower case. A bare SETTLED says no result, and is none of them.
STATUS_SYNONYMS: Final = {
    "placed": BetStatus.PENDING,
    **{
        f"{prefix}{word}": status
        for prefix in ("", "settled_")
        for status, words in {
            BetStatus.PUSH: ("pushed",),
            BetStatus.VOID: ("voided", "cancelled", "canceled", "refunded"),
            BetStatus.CASHEDOUT: ("cash_out", "cashout", "cashed_out", "cashedout"),
        }.items()
        for word in words
    },
}
