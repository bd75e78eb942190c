"""The schema of a bet: which raw rows may be used, and why the others may not.

`BetSchema` judges one row, `validate` a whole frame. Behind both stand one table of columns and limits (`bet.py`) and
one set of rules between columns (`rules.py`). `docs/data-quality.md` gives the reasons for each judgement.
"""

from quality.schema.bet import BET_COLUMNS, REQUIRED_COLUMNS, BetSchema, judge_row
from quality.schema.frame import ACCEPTED_SCHEMA, REASONS, ValidationResult, validate

__all__ = [
    "ACCEPTED_SCHEMA",
    "BET_COLUMNS",
    "REASONS",
    "REQUIRED_COLUMNS",
    "BetSchema",
    "ValidationResult",
    "judge_row",
    "validate",
]
