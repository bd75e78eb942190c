"""Accepted bets for the tests of anomalies and shifts: one that is beyond reproach, and many that hang together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from quality.evidence import BATCH_SCHEMA, GRADED

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PLACED = NOW - timedelta(days=1)
BOOKS = ("Alpha", "Beta", "Gamma", "Delta")

GOOD: dict[str, Any] = {
    "seq": 1,
    "id": "b1",
    "bet_type": "straight",
    "status": "SETTLED_WIN",
    "odds": 150.0,
    "american_odds": 150,
    "amount_cents": 3000,
    "profit_cents": 4500,
    "roi": 150.0,
    "clv_percentage": 4.1667,
    "clv_ev": 1.6667,
    "clv_current_odds": 140.0,
    "sport": "Soccer",
    "league": "EPL",
    "market": "Moneyline",
    "institution_name": "Alpha",
    "is_live": False,
    "is_settled": True,
    "is_win": True,
    "created_at": PLACED,
    "updated_at": PLACED + timedelta(hours=3),
    "time_placed": PLACED,
    "settled_at": PLACED + timedelta(hours=2),
    "known_at": PLACED + timedelta(hours=3),
}


def batch(*changes: dict[str, Any]) -> pl.DataFrame:
    """GOOD once for each set of changes; each has its own id and was placed a minute after the one before."""
    rows = [
        {**GOOD, "seq": n, "id": f"b{n}", "time_placed": PLACED + timedelta(minutes=n), **change}
        for n, change in enumerate(changes, 1)
    ]
    return pl.DataFrame(rows, schema=BATCH_SCHEMA)


def nothing() -> pl.DataFrame:
    """No bets at all."""
    return BATCH_SCHEMA.to_frame()


def history(days: int, a_day: int = 200, seed: int = 1, start: datetime = PLACED - timedelta(days=60)) -> pl.DataFrame:
    """Settled straight bets on two sports at four books, `a_day` each day; outcomes follow prices."""
    random = np.random.default_rng(seed)
    n = days * a_day
    log_odds = random.normal(-0.4, 0.8, n).clip(-3, 3)
    won = random.random(n) < 1 / (1 + np.exp(-log_odds))
    price = american(log_odds)
    now = american((log_odds + random.normal(0, 0.1, n)).clip(-3, 3))
    cents = np.rint(100 * np.exp(random.normal(3.4, 0.9, n))).astype(np.int64)
    placed = [start + timedelta(seconds=int(s)) for s in np.sort(random.integers(0, days * 86_400, n))]
    bets = pl.DataFrame(
        {
            "seq": np.arange(1, n + 1),
            "id": [f"h{seed}-{k}" for k in range(n)],
            "odds": price.astype(float),
            "american_odds": price.astype(np.int32),
            "amount_cents": cents,
            "clv_current_odds": now.astype(float),
            "sport": random.choice(["Soccer", "Racing"], n, p=[0.7, 0.3]),
            "institution_name": random.choice(BOOKS, n),
            "is_win": won,
            "time_placed": placed,
        }
    )
    return completed(bets)


def completed(bets: pl.DataFrame) -> pl.DataFrame:
    """Bets with what follows from price, stake, outcome and time of placement, and GOOD's values for the rest."""
    pays, closing = _pays("american_odds"), _pays("clv_current_odds")
    placed = pl.col("time_placed")
    clv = 100 * ((1 + pays) / (1 + closing) - 1)
    profit = pl.when(pl.col("is_win")).then((pl.col("amount_cents") * pays).round()).otherwise(-pl.col("amount_cents"))
    derived = bets.with_columns(
        status=pl.when(pl.col("is_win")).then(pl.lit("SETTLED_WIN")).otherwise(pl.lit("SETTLED_LOSS")),
        profit_cents=profit,
        clv_percentage=clv,
        clv_ev=clv / (1 + pays),
        created_at=placed,
        updated_at=placed + timedelta(hours=3),
        settled_at=placed + timedelta(hours=2),
        known_at=placed + timedelta(hours=3),
    ).with_columns(roi=100 * pl.col("profit_cents") / pl.col("amount_cents"))
    given = {name: pl.lit(value) for name, value in GOOD.items() if name not in derived.columns}
    return derived.with_columns(**given).select(BATCH_SCHEMA.names()).cast(BATCH_SCHEMA)


def graded(bets: pl.DataFrame) -> pl.DataFrame:
    """The bets as GRADED."""
    return bets.filter(pl.col("is_win").is_not_null()).select(GRADED.names())


def american(log_odds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The whole American prices with these log-odds."""
    reach = np.maximum(np.rint(100 * np.exp(np.abs(log_odds))), 100)
    return np.where(log_odds > 0, -reach, reach)


def _pays(column: str) -> pl.Expr:
    price = pl.col(column)
    return pl.when(price > 0).then(price / 100).otherwise(100 / price.abs())
