"""What an operator must hear of, kept until it clears: one open alert per cause in ops.alerts.

An alert is an event here; ingestion/monitoring/delivery.py calls somebody.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import psycopg

from ingestion.database.access import statement

AlertSeverity = Literal["warning", "critical"]

# How the causes of refusals begin.
REFUSAL: Final = "quality gate of "


def open_alert(
    connection: psycopg.Connection,
    cause: str,
    severity: AlertSeverity,
    message: str,
    *,
    notice: str,
    run_id: UUID,
    now: datetime,
) -> None:
    """Record that the cause holds. One that is open already keeps its beginning and takes the newer message.

    The notice is what may be sent to others: counts and the names of gates and views, nothing of bets or addresses.
    """
    words = {"cause": cause, "severity": severity, "message": message, "notice": notice}
    connection.execute(statement("open_alert"), {**words, "run_id": run_id, "now": now})


def resolve_alerts(connection: psycopg.Connection, causes: str, *, now: datetime, but: Sequence[str] = ()) -> None:
    """Record that no cause that begins so holds any longer, but for these."""
    connection.execute(statement("resolve_alerts"), {"causes": causes, "but": list(but), "now": now})


def resolve_outlived_refusals(connection: psycopg.Connection, causes: str, *, run_id: UUID, now: datetime) -> None:
    """Record that no refusal whose cause begins so holds any longer, of which every failed check passed in this run.

    So a backfill clears what a run was refused for, and a check that it could not judge leaves the alert open.
    """
    parameters = {"causes": causes, "run_id": run_id, "now": now}
    connection.execute(statement("resolve_outlived_refusals"), parameters)
