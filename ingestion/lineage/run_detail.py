"""What is known of one run beside its record: its verdicts, what it wrote, its lineage. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg

from ingestion.database.access import statement
from ingestion.lineage.recorded_lineage import RecordedLineage, recorded_lineage
from ingestion.lineage.written_views import WrittenView, written_views


@dataclass(frozen=True)
class RunDetail:
    """What a run judged, wrote and told."""

    #: By state (passed, warned, failed, not judged) the checks, each as `gate (scope)`.
    verdicts: Mapping[str, Sequence[str]]
    #: By view, what of it is this run's, as sealed now.
    written: Mapping[str, WrittenView]
    lineage: RecordedLineage


def run_detail(connection: psycopg.Connection, run_id: UUID) -> RunDetail:
    """The detail of this run; empty where it judged or wrote nothing."""
    verdicts: dict[str, list[str]] = {}
    for gate, scope, _, state, *_ in connection.execute(statement("gate_verdicts"), {"run_id": run_id}):
        verdicts.setdefault(state, []).append(f"{gate} ({scope})")
    return RunDetail(verdicts, written_views(connection, run_id), recorded_lineage(connection, run_id))
