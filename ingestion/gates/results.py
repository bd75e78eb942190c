"""The judgements that were kept, and what they rest on. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from feature_repo.errors import ConfigurationError
from ingestion.database.access import statement
from ingestion.runs.run_ids import short_run_ids
from quality.verdict import Tally, Verdict

_Row = TypeVar("_Row")


@dataclass(frozen=True)
class GateRecord:
    """One judged refresh."""

    run_id: UUID
    #: The run's verb: run, backfill.
    verb: str
    source: str | None
    #: passed, refused, or overridden.
    state: str
    #: Why somebody overrode it.
    reason: str | None
    #: Who did (`ingestion/runs/actor.py`).
    overridden_by: dict[str, str | None] | None
    #: The run's clock.
    judged_at: datetime
    #: The raw versions that were new to it: (since_seq, until_seq].
    since_seq: int
    until_seq: int


@dataclass(frozen=True)
class KindOfFlags:
    """The flags of one kind and severity among the rows that a refresh judged."""

    kind: str
    severity: str
    #: How many there are.
    flags: int
    #: One of their descriptions.
    example: str
    #: Ids of up to three of their bets.
    example_ids: list[str]


@dataclass(frozen=True)
class FeatureDrift:
    """How far a feature's values moved from those of the last accepted refresh (quality/drift.py)."""

    view: str
    feature: str
    #: Values that were compared: of this refresh, and of the one before.
    rows: int
    reference_rows: int
    psi: float | None
    #: What the PSI of as many rows stays below without drift.
    psi_noise: float | None
    #: Of numbers only.
    ks: float | None
    p_value: float | None
    has_drifted: bool


@dataclass(frozen=True)
class Verdicts:
    """The judgement over one refresh, and what it rests on."""

    gate: GateRecord
    #: What messages call its run (ingestion/runs/run_ids.py).
    short_run_id: str
    checks: list[Verdict]
    anomalies: list[KindOfFlags]
    #: Those that drifted first.
    drift: list[FeatureDrift]

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
    judged = _rows(connection, GateRecord, "gate_of_run", {"run_id": run_id})
    if not judged:
        raise ConfigurationError(
            f"Run {run_id} judged no refresh" if run_id else "No refresh was judged yet",
            "Nothing was done",
            "`pikkit runs` lists the runs" if run_id else "Run `pikkit run`",
        )
    (gate,) = judged
    params = {"run_id": gate.run_id, "since_seq": gate.since_seq, "until_seq": gate.until_seq}
    return Verdicts(
        gate,
        short_run_ids(connection, [gate.run_id])[gate.run_id],
        _rows(connection, Verdict, "gate_verdicts", params),
        _rows(connection, KindOfFlags, "gate_anomalies", params),
        _rows(connection, FeatureDrift, "gate_drift", params),
    )


def _rows(connection: psycopg.Connection, row: type[_Row], query: LiteralString, params: dict[str, Any]) -> list[_Row]:
    with connection.cursor(row_factory=class_row(row)) as cursor:
        return cursor.execute(statement(query), params).fetchall()
