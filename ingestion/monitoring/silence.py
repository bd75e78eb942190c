"""The alert on a pipeline that was silent for longer than a view lives: opened by whichever run ends next.

That no run comes at all is seen from outside: `pikkit status --check`, and the rule PikkitNoSuccessfulRun of
docs/monitoring/alert_rules.yml.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg

from feature_repo.declarations.views import STORED_VIEWS
from ingestion.database.access import statement
from ingestion.runs.alerts import open_alert, resolve_alerts
from ingestion.wording import span

# How much later than a TTL after the one before it a run may begin: an hourly job is never on the second.
SILENCE_GRACE: Final = timedelta(minutes=15)
SILENCE_CAUSE: Final = "no successful run"


def record_silence(connection: psycopg.Connection, run_id: UUID, now: datetime) -> None:
    """Open the alert where no `run` succeeded for longer than the shortest TTL of a view and a grace; or clear it.

    `run_id` and `now` are of the run that has just ended. If it is the one that broke the silence, the alert is
    recorded as over.
    """
    successes = connection.execute(statement("last_successes")).fetchall()
    if not successes:
        return
    last_id, last = successes[0]
    longest = min(view.ttl for view in STORED_VIEWS) + SILENCE_GRACE
    if now - last > longest:
        _open(connection, f"No run has succeeded since {_text(last)}", run_id, now)
        return
    if last_id == run_id and len(successes) == 2 and last - successes[1][1] > longest:
        _open(connection, f"No run succeeded from {_text(successes[1][1])} to {_text(last)}", run_id, now)
    resolve_alerts(connection, SILENCE_CAUSE, now=now)


def _open(connection: psycopg.Connection, since: str, run_id: UUID, now: datetime) -> None:
    shortest = min(STORED_VIEWS, key=lambda view: view.ttl)
    message = f"{since}: longer than the TTL of {shortest.name}, {span(shortest.ttl)}."
    open_alert(connection, SILENCE_CAUSE, "critical", message, notice=message, run_id=run_id, now=now)


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
