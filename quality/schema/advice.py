"""What would be right where a bet is refused: for people who read a reason and ask what to write instead."""

from __future__ import annotations

from typing import Final

from feature_repo.bet_types import BetType
from quality.schema.bet import KINDS
from quality.schema.instants import Instant
from quality.schema.rules import BetStatus

_AMERICAN: Final = (
    "American odds are -100 and below, or +100 and above; a column of decimal prices is read by a mapping "
    '(price = "decimal", docs/formats.md)'
)

#: Reason -> a sentence without its full stop. Reasons that say themselves what is right are not here.
ADVICE: Final[dict[str, str]] = {
    f"status: {KINDS['status'].unreadable}": (
        f"A status is one of {', '.join(BetStatus)}, in any letter case, or what apps say for these (placed, voided, "
        "cash_out and the like: docs/data-quality.md)"
    ),
    f"bet_type: {KINDS['bet_type'].unreadable}": (
        f"A bet_type is one of {', '.join(BetType)}, or round_robin_2 to round_robin_99"
    ),
    "american_odds: inside (-100, 100)": _AMERICAN,
    "american_odds: not a whole number": _AMERICAN,
    **{
        f"{column}: {kind.unreadable}": (
            "An instant is written with its time of day and its zone, such as 2026-05-24T15:00:00Z"
        )
        for column, kind in KINDS.items()
        if isinstance(kind, Instant)
    },
}
