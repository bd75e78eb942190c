"""missing_required: what every bet has, and what every feature wants."""

from __future__ import annotations

import polars as pl

from feature_repo.bets.bet_status import BetStatus
from quality.anomalies.flags import FlagRule, where

MISSING_REQUIRED = "missing_required"
#: The schema lets no bet without these pass.
ALWAYS = ("id", "bet_type", "status", "updated_at", "time_placed", "known_at")
#: Such a bet counts, but not in every feature.
WANTED = ("sport", "market", "institution_name", "american_odds", "amount_cents")
_GRADED = [BetStatus.WIN, BetStatus.LOSS, BetStatus.CASHEDOUT]


def missing_flags() -> list[FlagRule]:
    """What can be missing."""
    missing = [
        FlagRule(MISSING_REQUIRED, where(pl.col(column).is_null(), "critical"), _says(column)) for column in ALWAYS
    ]
    wanted = [FlagRule(MISSING_REQUIRED, where(pl.col(column).is_null(), "low"), _says(column)) for column in WANTED]
    ungraded = where(pl.col("status").is_in(_GRADED) & pl.col("profit_cents").is_null(), "critical")
    return [*missing, *wanted, FlagRule(MISSING_REQUIRED, ungraded, pl.lit("profit is missing on a graded bet"))]


def _says(column: str) -> pl.Expr:
    return pl.lit(f"{column.removesuffix('_cents')} is missing")
