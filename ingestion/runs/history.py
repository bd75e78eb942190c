"""The runs that were, as ops.runs keeps them. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from ingestion.database.access import statement


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
    #: The document of its summary (ingestion/runs/summaries.py).
    counts: dict[str, Any]
    exit_code: int | None
    error: str | None
    #: Of each step, in order: step (its name), seconds, counts (the document of its result).
    steps: list[dict[str, Any]]

    @property
    def seconds(self) -> float | None:
        """How long it took; null as long as it goes on, and for one that died."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None


def last_runs(connection: psycopg.Connection, limit: int, run_id: UUID | None = None) -> list[PastRun]:
    """The last runs, the newest first, or the one with this id."""
    with connection.cursor(row_factory=class_row(PastRun)) as cursor:
        return cursor.execute(statement("list_runs"), {"limit": limit, "run_id": run_id}).fetchall()
