"""The runs that were, as ops.runs keeps them. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import kwargs_row

from ingestion.database.access import statement

# The document of a summary or of a step's result, as the run kept it. Not read back into today's types: an earlier
# version of the code may have written it, with other keys.
KeptDocument = Mapping[str, object]


@dataclass(frozen=True)
class PastStep:
    """A step of a run that was."""

    #: Its name.
    step: str
    #: How long it took; null where the run died in it.
    seconds: float | None
    #: What it did.
    counts: KeptDocument


@dataclass(frozen=True)
class PastRun:
    """A run: what it was asked, what it did, how it ended."""

    run_id: UUID
    verb: str
    #: running, done, refused, failed, or died.
    state: str
    #: What its gate said: passed, refused or overridden; null where it judged nothing.
    gate: str | None
    #: Why somebody overrode the gate, and who (`ingestion/runs/actor.py`).
    reason: str | None
    overridden_by: dict[str, str | None] | None
    source: str | None
    code_version: str
    #: The clock that it ran by; the other times are the machine's.
    now: datetime
    started_at: datetime
    finished_at: datetime | None
    #: Its summary (ingestion/runs/summaries.py).
    counts: KeptDocument
    exit_code: int | None
    error: str | None
    #: In the order in which they began.
    steps: Sequence[PastStep]

    @property
    def seconds(self) -> float | None:
        """How long it took; null as long as it goes on, and for one that died."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None

    @property
    def warnings(self) -> Sequence[str]:
        """The sentences on what was within the rules and still not what one expects; of a verb that has them."""
        warnings = self.counts.get("warnings", ())
        return [str(warning) for warning in warnings] if isinstance(warnings, list) else ()


def last_runs(connection: psycopg.Connection, limit: int, run_id: UUID | None = None) -> list[PastRun]:
    """The last runs, the newest first, or the one with this id."""
    with connection.cursor(row_factory=kwargs_row(_past_run)) as cursor:
        return cursor.execute(statement("list_runs"), {"limit": limit, "run_id": run_id}).fetchall()


def _past_run(*, steps: list[dict[str, Any]], **columns: Any) -> PastRun:
    """A row of list_runs.sql, whose steps are a jsonb array, as a run."""
    return PastRun(steps=[PastStep(**step) for step in steps], **columns)
