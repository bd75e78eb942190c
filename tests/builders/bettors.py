"""Synthetic bettors: bets at fair prices over many days, with a planted edge or without any."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

FIRST_DAY = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 120
#: After the last bet of a bettor is known.
AFTERWARDS = FIRST_DAY + timedelta(days=DAYS, hours=6)


def bettor(edge: float, *, a_day: int = 20, days: int = DAYS, seed: int = 1) -> list[dict[str, Any]]:
    """Rows as a file of bets has them, in order of placement; results are known three hours later.

    A live bet wins with `edge` more log-odds than its price says, another with as much less: nothing that a price,
    sport, market or book has in it tells them apart.
    """
    random = np.random.default_rng(seed)
    rows = []
    for number in range(a_day * days):
        day, within = divmod(number, a_day)
        placed = FIRST_DAY + timedelta(days=day, hours=1 + 15 * within / a_day)
        american = int(random.choice([-180, -140, 100, 130, 170, 220]))
        implied = -american / (100 - american) if american < 0 else 100 / (100 + american)
        live = bool(random.random() < 0.5)
        log_odds = np.log(implied / (1 - implied)) + (edge if live else -edge)
        won = bool(random.random() < 1 / (1 + np.exp(-log_odds)))
        pays = 100 / -american if american < 0 else american / 100
        known = (placed + timedelta(hours=3)).isoformat()
        rows.append(
            {
                "id": f"bet-{number:05}",
                "bet_type": "straight",
                "status": "SETTLED_WIN" if won else "SETTLED_LOSS",
                "american_odds": american,
                "amount": 10.0,
                "profit": round(10 * pays, 2) if won else -10.0,
                "sport": str(random.choice(["Soccer", "Tennis"])),
                "league": str(random.choice(["First", "Second"])),
                "market": "Moneyline",
                "institution_name": str(random.choice(["Alpha", "Beta"])),
                "is_live": live,
                "time_placed": placed.isoformat(),
                "created_at": placed.isoformat(),
                "updated_at": known,
                "settled_at": known,
                "clv_percentage": None,
            }
        )
    return rows
