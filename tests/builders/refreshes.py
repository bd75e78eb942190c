"""A refresh beyond reproach, as the evidence that gates judge, and verdicts on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from quality.evidence import ANOMALIES, BATCH_SCHEMA, COMPLETENESS, DRIFT, GRADED, INTAKE, SHIFTS, TOTALS, Evidence
from quality.gates import Gates, Verdict, default_gates, judge_refresh
from quality.gates.measures.shifts import SHIFT_SCOPES

NOW = datetime(2026, 5, 24, 15, tzinfo=UTC)
BATCH_ROWS = 1_000

INTAKE_ROW = {
    "since_seq": 1_000,
    "until_seq": 2_000,
    "accepted": BATCH_ROWS,
    "quarantined": 0,
    "rows_read": BATCH_ROWS,
    "source_rows": BATCH_ROWS,
    "newest_known_at": NOW - timedelta(hours=1),
}


def batch(rows: int = BATCH_ROWS, **unknown: int) -> pl.DataFrame:
    """So many bets; `american_odds=3` leaves the column null in 3 of them."""
    known = {
        "american_odds": -110,
        "sport": "Soccer",
        "market": "Moneyline",
        "clv_percentage": 2.5,
        "known_at": NOW - timedelta(hours=1),
    }
    values = {name: [None] * unknown.get(name, 0) + [known[name]] * (rows - unknown.get(name, 0)) for name in known}
    ids = {"seq": range(1_001, 1_001 + rows), "id": [f"b{i}" for i in range(rows)]}
    rest = {name: pl.lit(None, dtype) for name, dtype in BATCH_SCHEMA.items() if name not in values.keys() | ids.keys()}
    return pl.DataFrame(ids | values, {name: BATCH_SCHEMA[name] for name in [*ids, *values]}).with_columns(**rest)


def closing_lines(fractions: int, book: str | None = None, rows: int = 100) -> pl.DataFrame:
    """A batch of which so many rows have a closing line value that a fraction can be, all of them of one book."""
    values = pl.Series([0.025] * fractions + [2.5] * (rows - fractions), dtype=pl.Float64)
    return batch(rows).with_columns(clv_percentage=values, institution_name=pl.lit(book, pl.String))


def intake(**values: Any) -> pl.DataFrame:
    return pl.DataFrame([INTAKE_ROW | values], INTAKE)


def totals(*rows: tuple[str | None, str | None, int, int, int, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, TOTALS, orient="row")


def graded(won: int, lost: int, american_odds: int | None = 100) -> pl.DataFrame:
    row = {"american_odds": american_odds, "bet_type": "straight", "sport": "Soccer", "market": "Moneyline"}
    rows = [{**row, "is_win": won_it, "institution_name": "Book"} for won_it in [True] * won + [False] * lost]
    return pl.DataFrame(rows, GRADED)


def anomalies(*flags: tuple[int, str, str]) -> pl.DataFrame:
    """Flags of seq, kind and severity."""
    return pl.DataFrame(
        [(seq, f"b{seq}", kind, grade, 1.0, 0.0, 0.5, "odd") for seq, kind, grade in flags], ANOMALIES, orient="row"
    )


def shift(test: str, score: float, rows: int = 5_000, segment: str | None = "Book") -> pl.DataFrame:
    row = (test, "institution_name" if segment else None, segment, rows, 50_000, 1.0, 1.0, score, "as before")
    return pl.DataFrame([row], SHIFTS, orient="row")


def completeness(*rows: tuple[str, str, int, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, COMPLETENESS, orient="row")


def drifts(**has_drifted: bool) -> pl.DataFrame:
    rows = [("sport_stats", name, 100, 100, 0.1, 0.2, 0.1, 0.5, moved) for name, moved in has_drifted.items()]
    return pl.DataFrame(rows, DRIFT, orient="row")


GOOD = Evidence(
    now=NOW,
    batch=batch(),
    intake=intake(),
    totals=totals(
        ("Soccer", "Book", 1_000, 900, 0, 0), ("Tennis", "House", 1_000, 900, 0, 0), ("Golf", "Book", 1_000, 900, 0, 0)
    ),
    graded=graded(won=500, lost=500),
    anomalies=anomalies((1_001, "odds_outlier", "low")),
    shifts=pl.concat([shift(test, 0.5) for test in SHIFT_SCOPES]),
    completeness=completeness(("sport_stats", "sport_roi", 1_000, 1_000), ("institution_stats", "roi", 1_000, 1_000)),
    drift=drifts(sport_roi=False),
)


def verdict(gate: str, scope: str | None = None, *, gates: Gates | None = None, **evidence: Any) -> Verdict:
    """What a gate says of GOOD with other frames."""
    judgement = judge_refresh(gates or default_gates(), replace(GOOD, **evidence))
    (found,) = [one for one in judgement.verdicts if one.gate == gate and scope in (None, one.scope)]
    return found
