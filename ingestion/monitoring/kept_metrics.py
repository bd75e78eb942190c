"""The metrics of each run, kept in ops.metrics for METRICS_KEPT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from ingestion.database.access import statement
from ingestion.monitoring.measurements import Sample

# An hourly pipeline keeps some 300,000 rows so.
METRICS_KEPT: Final = timedelta(days=90)


@dataclass(frozen=True)
class UnmeasuredRun:
    """A run that ended, of which nothing is in ops.metrics. `now` is the clock that it ran by."""

    run_id: UUID
    now: datetime


def unmeasured_run(connection: psycopg.Connection) -> UnmeasuredRun | None:
    """The run that ended last, unless it was measured; so a command that began no run finds none."""
    with connection.cursor(row_factory=class_row(UnmeasuredRun)) as cursor:
        return cursor.execute(statement("unmeasured_run")).fetchone()


def keep_metrics(connection: psycopg.Connection, run_id: UUID, samples: Sequence[Sample]) -> None:
    """Keep what was measured after the run, and forget what is older than METRICS_KEPT."""
    at = datetime.now(UTC)
    connection.execute(
        statement("store_metrics"),
        {
            "run_id": run_id,
            "at": at,
            "names": [sample.name for sample in samples],
            "labels": [Jsonb(dict(sample.labels)) for sample in samples],
            "values": [float(sample.value) for sample in samples],
        },
    )
    oldest = UUID(int=int((at - METRICS_KEPT).timestamp() * 1000) << 80)
    connection.execute(statement("drop_old_metrics"), {"before": oldest})
