"""A bet that is beyond reproach, and the two ways to judge one, for the tests of the schema."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl
from pydantic import ValidationError

from quality.schema import ACCEPTED_SCHEMA, BetSchema, validate

NOW = datetime(2025, 3, 15, 18, 0, tzinfo=UTC)

GOOD: dict[str, Any] = {
    "id": "b1",
    "bet_type": "straight",
    "status": "SETTLED_WIN",
    "odds": 149.6,
    "american_odds": 150,
    "amount": 20.0,
    "profit": 30.0,
    "roi": 150.0,
    "clv_percentage": 2.5,
    "clv_ev": 1.0,
    "clv_current_odds": 140.0,
    "sport": "Soccer",
    "league": "EPL",
    "market": "Moneyline",
    "institution_name": "Book",
    "is_live": False,
    "is_settled": True,
    "is_win": True,
    "created_at": "2025-03-10T12:00:05Z",
    "updated_at": "2025-03-10T15:00:00Z",
    "time_placed": "2025-03-10T12:00:00Z",
    "settled_at": "2025-03-10T14:59:00Z",
    "deleted_at": None,
    "is_deleted": False,
}
# What turns GOOD into an open bet.
OPEN = {"status": "PENDING", "profit": None, "roi": None, "is_settled": False, "is_win": None, "settled_at": None}


def reasons(**changes: Any) -> set[str]:
    """Why GOOD with these changes is rejected; both judges are asked, and must agree."""
    bet = {**GOOD, **changes}
    as_row = reasons_as_row(bet)
    assert set(validate(pl.DataFrame([bet]), NOW).errors) == as_row
    return as_row


def accepted(**changes: Any) -> dict[str, Any]:
    """GOOD with these changes as it is stored; both judges are asked, and must agree."""
    bet = {**GOOD, **changes}
    as_row = accepted_as_row(bet)
    assert validate(pl.DataFrame([bet]), NOW).accepted.drop("row").to_dicts() == [as_row]
    return as_row


def accepted_as_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """What `BetSchema` makes of a row, in the columns of ACCEPTED_SCHEMA."""
    bet = BetSchema.model_validate(row, context={"now": NOW})
    return {column: getattr(bet, column) for column in ACCEPTED_SCHEMA}


def reasons_as_row(row: Mapping[str, Any]) -> set[str]:
    """Why `BetSchema` rejects a row."""
    try:
        BetSchema.model_validate(row, context={"now": NOW})
    except ValidationError as error:
        return {f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors()}
    return set()
