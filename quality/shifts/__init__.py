"""Shifts: what is odd about a whole batch, or a book in it, though no single row shows it.

Each `test` is judged by the gate of the same name.
"""

from __future__ import annotations

import polars as pl

from quality.anomalies.baseline import Baseline
from quality.anomalies.columns import require
from quality.collected import collected
from quality.evidence import GRADED, SHIFTS
from quality.shifts.arrivals import ARRIVAL_TESTS, arrival_shifts
from quality.shifts.calibration import CALIBRATION_TESTS, calibration_shifts
from quality.shifts.compared import LEVELS
from quality.shifts.habits import WORDS, habit_shifts
from quality.shifts.levels import level_shifts

__all__ = ["SHIFT_TESTS", "shifts"]

#: Every test there is.
SHIFT_TESTS = (*(level.test for level in LEVELS), *CALIBRATION_TESTS, *WORDS, *ARRIVAL_TESTS)


def shifts(batch: pl.DataFrame, baseline: Baseline, graded: pl.DataFrame) -> pl.DataFrame:
    """How far a batch moved from accepted earlier bets: one row per test and segment (SHIFTS), by test and segment.

    Segments that are too small, or that earlier bets do not know, have no row. `graded` are the newest graded bets of
    the dataset. Raises KeyError or TypeError naming the columns of a frame that are missing or of another type.
    """
    bets, recent = require(batch, "the batch"), require(graded, "the graded bets", GRADED)
    # Bets that were graded before and are corrected now say nothing of outcomes: nobody corrects what was right.
    regraded = baseline.bets.filter(pl.col("is_win").is_not_null()).select("id")
    found = [
        SHIFTS.to_frame(eager=False),
        *level_shifts(bets, baseline.bets),
        *calibration_shifts(bets.join(regraded, on="id", how="anti"), recent),
        *habit_shifts(bets, baseline),
        *arrival_shifts(bets, baseline.bets),
    ]
    return collected(pl.concat(found).sort("test", "segment", nulls_last=False))
