"""What is right where a bet is refused is said of reasons that the schema really gives."""

from __future__ import annotations

from feature_repo.bets.bet_status import BetStatus
from quality.advice import ADVICE
from quality.schema.bet import KINDS, judge_row
from quality.schema.instants import Instant
from tests.builders.bet_files import NOW, bet

INSTANTS = [column for column, kind in KINDS.items() if isinstance(kind, Instant)]
WRONG = [
    {"status": "HALF WON", "bet_type": "lottery", "american_odds": 1.91},
    {"american_odds": 50},
    dict.fromkeys(INSTANTS, "yesterday"),
]


def test_every_advice_belongs_to_a_reason_of_the_schema() -> None:
    reasons = {reason for wrong in WRONG for reason in judge_row(bet("a") | wrong, NOW)[1]}
    assert set(ADVICE) - reasons == set()
    assert {f"{column}: {KINDS[column].unreadable}" for column in (*INSTANTS, "status", "bet_type")} <= set(ADVICE)


def test_advice_on_unknown_statuses_and_bet_types_lists_the_valid_values() -> None:
    assert all(status in ADVICE["status: unknown value"] for status in BetStatus)
    assert "same_game_parlay" in ADVICE["bet_type: unknown value"]
