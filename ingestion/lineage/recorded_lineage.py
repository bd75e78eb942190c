"""What a run read and wrote, as its lineage events tell it. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from ingestion.database.access import statement


@dataclass(frozen=True)
class UsedDataset:
    """A dataset that a job read or wrote. `rows` of it, where the event says how many."""

    namespace: str
    name: str
    rows: int | None


@dataclass(frozen=True)
class RecordedJob:
    """The run itself, or a part of it."""

    #: The verb; `gate`, `features.<view>`, `online.<view>`.
    job: str
    #: The last of its events: START, RUNNING, COMPLETE, FAIL or ABORT.
    state: str
    inputs: Sequence[UsedDataset]
    outputs: Sequence[UsedDataset]


@dataclass(frozen=True)
class Destination:
    """A place that events are sent to, and how many of the run's it has."""

    destination: str
    sent: int
    waiting: int
    last_sent_at: datetime | None


@dataclass(frozen=True)
class RecordedLineage:
    """All that is kept of the lineage of one run."""

    #: In the order in which they began; the run itself comes first.
    jobs: Sequence[RecordedJob]
    events: int
    #: Whether all of it is there still: after 90 days only names of those events stay that the gate reads.
    is_whole: bool
    destinations: Sequence[Destination]


def recorded_lineage(connection: psycopg.Connection, run_id: UUID) -> RecordedLineage:
    """The lineage of this run; nothing but an empty record where it has none."""
    rows = connection.execute(statement("events_of_run"), {"run_id": run_id}).fetchall()
    by_job: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for _, job, event_type, _, event, _ in rows:
        by_job.setdefault(job, []).append((event_type, event))
    jobs = [
        RecordedJob(job, events[-1][0], _used(events, "inputs"), _used(events, "outputs"))
        for job, events in by_job.items()
    ]
    with connection.cursor(row_factory=class_row(Destination)) as cursor:
        destinations = cursor.execute(statement("destinations"), {"run_id": run_id}).fetchall()
    return RecordedLineage(jobs, len(rows), all(is_whole for *_, is_whole in rows), destinations)


def _used(events: Sequence[tuple[str, Mapping[str, Any]]], side: str) -> list[UsedDataset]:
    found = {
        (dataset["namespace"], dataset["name"]): _rows(dataset)
        for _, event in events
        for dataset in event.get(side, ())
    }
    return [UsedDataset(*name, rows) for name, rows in found.items()]


def _rows(dataset: Mapping[str, Any]) -> int | None:
    facets = {**dataset.get("outputFacets", {}), **dataset.get("inputFacets", {})}
    counts = [facets[name]["rowCount"] for name in ("outputStatistics", "inputStatistics") if name in facets]
    return counts[0] if counts else None
