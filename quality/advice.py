"""What would be right where a bet is refused: for people who read a reason and ask what to write instead.

Whoever lists refused rows needs no frames, so the reasons stand here as the schema spells them; a test holds both.
"""

from __future__ import annotations

from typing import Final

from feature_repo.bets.bet_status import BetStatus
from feature_repo.bets.bet_types import BetType

_AMERICAN: Final = (
    "American odds are -100 and below, or +100 and above; a column of decimal prices is read by a mapping "
    '(price = "decimal", docs/formats.md)'
)
_INSTANTS: Final = ("created_at", "updated_at", "time_placed", "settled_at", "deleted_at")

#: Reason -> a sentence without its full stop. Reasons that say themselves what is right are not here.
ADVICE: Final[dict[str, str]] = {
    "status: unknown value": (
        f"A status is one of {', '.join(BetStatus)}, in any letter case, or what apps say for these (placed, voided, "
        "cash_out and the like: docs/data-quality.md)"
    ),
    "bet_type: unknown value": f"A bet_type is one of {', '.join(BetType)}, or round_robin_2 to round_robin_99",
    "american_odds: inside (-100, 100)": _AMERICAN,
    "american_odds: not a whole number": _AMERICAN,
    **{
        f"{column}: not an ISO 8601 timestamp with a time of day": (
            "An instant is written with its time of day and its zone, such as 2026-05-24T15:00:00Z"
        )
        for column in _INSTANTS
    },
}
