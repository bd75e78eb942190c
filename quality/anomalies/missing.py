"""missing_required: what every bet has, and what every feature wants."""

from __future__ import annotations

import polars as pl

from quality.anomalies.signs import Sign, where
from quality.schema import BetStatus

KIND = "missing_required"
#: The schema lets no bet without these pass.
ALWAYS = ("id", "bet_type", "status", "updated_at", "time_placed", "known_at")
#: Such a bet counts, but not in every feature.
WANTED = ("sport", "market", "institution_name", "american_odds", "amount_cents")
_GRADED = [BetStatus.WIN, BetStatus.LOSS, BetStatus.CASHEDOUT]


def signs() -> list[Sign]:
    """What can be missing."""
    missing = [Sign(KIND, where(pl.col(column).is_null(), "critical"), _says(column)) for column in ALWAYS]
    wanted = [Sign(KIND, where(pl.col(column).is_null(), "low"), _says(column)) for column in WANTED]
    ungraded = where(pl.col("status").is_in(_GRADED) & pl.col("profit_cents").is_null(), "critical")
    return [*missing, *wanted, Sign(KIND, ungraded, pl.lit("profit is missing on a graded bet"))]


def _says(column: str) -> pl.Expr:
    return pl.lit(f"{column.removesuffix('_cents')} is missing")
