"""Files of bets for tests: one ordinary bet, of which a test states only what differs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

T0 = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOW = datetime(2026, 5, 24, 15, tzinfo=UTC)


def at(minutes: float) -> str:
    """An instant that many minutes after T0, in ISO 8601."""
    return (T0 + timedelta(minutes=minutes)).isoformat()


def bet(bet_id: str, minute: float = 0, **differs: Any) -> dict[str, Any]:
    """A straight bet of 10.00 at +150, placed at T0, won, settled and updated `minute` minutes later."""
    return {
        "id": bet_id,
        "bet_type": "straight",
        "status": "SETTLED_WIN",
        "american_odds": 150,
        "amount": 10.0,
        "profit": 15.0,
        "sport": "Soccer",
        "league": "Premier League",
        "market": "Moneyline",
        "institution_name": "Bet&Win",
        "is_live": False,
        "time_placed": at(0),
        "created_at": at(0),
        "updated_at": at(minute),
        "settled_at": None,
        "clv_percentage": None,
        **differs,
    }


def lost(bet_id: str, minute: float = 0, **differs: Any) -> dict[str, Any]:
    return bet(bet_id, minute, **({"status": "SETTLED_LOSS", "profit": -10.0} | differs))


def csv_text(*rows: dict[str, Any], columns: Sequence[str] = (), delimiter: str = ",") -> str:
    """The rows as CSV: with these columns only, or with all that any row has."""
    text = io.StringIO()
    names = columns or list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, delimiter=delimiter, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def jsonl(path: Path, *bets: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in bets), encoding="utf-8")
    return path
