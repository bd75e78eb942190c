"""Lineage events kept for as long as metrics are, and what the gate of a materialization reads of them for good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from feature_repo.servers.connections import Postgres
from ingestion.database.access import connect, statement
from ingestion.monitoring.kept_metrics import METRICS_KEPT

# An hourly pipeline keeps some 130 MB of whole events so, and adds 5 kB a run that stay.
EVENTS_KEPT: Final[timedelta] = METRICS_KEPT


def expire_events(postgres: Postgres) -> list[str]:
    """Drop the events that are older than EVENTS_KEPT; of those that the gate reads the names stay.

    Returns a warning for each destination that had not taken some of them; how many is kept beside it. Raises
    Unreachable.
    """
    before = datetime.now(UTC) - EVENTS_KEPT
    with connect(postgres, purpose="lineage", autocommit=True) as connection:
        missed = connection.execute(statement("expire_events"), {"before": before}).fetchall()
    return [
        f"Lineage to {destination}: {events:,} events that it never took are older than {EVENTS_KEPT.days} days, and "
        "are not sent any more, or by their names alone."
        for destination, events in missed
    ]
