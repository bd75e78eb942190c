"""The alerts of a store, as ops.alerts has them. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from ingestion.database.access import statement


@dataclass(frozen=True)
class RecordedAlert:
    """An alert, open or resolved."""

    cause: str
    severity: str
    message: str
    #: By the clocks of the runs that noticed; null for one that is open.
    opened_at: datetime
    resolved_at: datetime | None
    #: How many channels took a message on it.
    channels_told: int


def recorded_alerts(connection: psycopg.Connection, *, everything: bool, limit: int) -> list[RecordedAlert]:
    """The open alerts, the newest first; with `everything` the resolved ones after them."""
    with connection.cursor(row_factory=class_row(RecordedAlert)) as cursor:
        return cursor.execute(statement("recorded_alerts"), {"everything": everything, "limit": limit}).fetchall()
