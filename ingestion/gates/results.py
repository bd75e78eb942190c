"""The judgements that were kept, and what they rest on. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row

from feature_repo.errors import ConfigurationError
from ingestion.database.access import statement
from ingestion.runs.run_ids import short_run_ids
from quality.verdict import Tally, Verdict


@dataclass(frozen=True)
class GateRecord:
    """One judged refresh: passed, refused, or overridden by somebody for a reason.

    Its raw versions: (since_seq, until_seq]. `overridden_by` as `ingestion/runs/actor.py` has it.
    """

    run_id: UUID
    verb: str
    source: str | None
    state: str
    reason: str | None
    overridden_by: dict[str, str | None] | None
    judged_at: datetime
    since_seq: int
    until_seq: int


@dataclass(frozen=True)
class Verdicts:
    """The checks of a judgement; how many flags of each kind and severity its rows have; each feature's drift."""

    gate: GateRecord
    # what messages call its run (ingestion/runs/run_ids.py)
    short_run_id: str
    checks: list[Verdict]
    anomalies: list[dict[str, Any]]
    drift: list[dict[str, Any]]

    @property
    def has_new_rows(self) -> bool:
        """Whether there was anything new to judge."""
        return self.gate.since_seq < self.gate.until_seq

    @property
    def tally(self) -> Tally:
        """How many of the checks came out how."""
        return Tally.of(self.checks, has_new_rows=self.has_new_rows)


def verdicts(connection: psycopg.Connection, run_id: UUID | None = None) -> Verdicts:
    """The judgement over the refresh of a run; over the last one that was judged where it is null.

    Raises ConfigurationError when there is none.
    """
    with connection.cursor(row_factory=class_row(GateRecord)) as cursor:
        found = cursor.execute(statement("gate_of_run"), {"run_id": run_id}).fetchone()
    if found is None:
        raise ConfigurationError(
            f"Run {run_id} judged no refresh" if run_id else "No refresh was judged yet",
            "Nothing was done",
            "`pikkit runs` lists the runs" if run_id else "Run `pikkit run`",
        )
    params = {"run_id": found.run_id, "since_seq": found.since_seq, "until_seq": found.until_seq}
    with connection.cursor(row_factory=class_row(Verdict)) as cursor:
        checks = cursor.execute(statement("gate_verdicts"), params).fetchall()
    return Verdicts(
        found,
        short_run_ids(connection, [found.run_id])[found.run_id],
        checks,
        _rows(connection, "gate_anomalies", params),
        _rows(connection, "gate_drift", params),
    )


def last_runs(connection: psycopg.Connection, limit: int, run_id: UUID | None = None) -> list[dict[str, Any]]:
    """The last runs, the newest first, or the one with this id: what ops.runs holds of each, its steps, and its gate
    with the reason.
    """
    return _rows(connection, "list_runs", {"limit": limit, "run_id": run_id})


def _rows(connection: psycopg.Connection, query: LiteralString, params: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement(query), params).fetchall()
