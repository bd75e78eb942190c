"""What is remembered of a table that could not be read: how often in a row, and when somebody must hear of it.

Written on a connection of its own, since what failed is undone. A store that is down cannot remember either, and must
not hide what happened first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

import psycopg

from feature_repo.errors import PikkitError, SourceShrank
from feature_repo.servers.connections import Postgres
from ingestion.database.access import connect, statement
from ingestion.intake.streams import ROWS_SHOWN
from ingestion.runs.alerts import open_alert, resolve_alerts
from ingestion.runs.record import Run

# Syncs of a table that may fail in a row before somebody must hear of it.
FAILURES_BEFORE_ALERT: Final = 3
# How the causes of alerts begin.
SYNC: Final = "sync of "
RECONCILIATION: Final = "reconciliation with "


@contextmanager
def sync_failure_alert(connection: psycopg.Connection, postgres: Postgres, run: Run, stream: str) -> Iterator[None]:
    """Counts how often a table could not be synced in a row, and opens an alert at the third time.

    A table that shows too few rows opens one of its own at once, which streams.record_stream clears.
    """

    def count(record: psycopg.Connection, error: Exception) -> None:
        alert = partial(_alert, record, run, stream)
        (failures,) = record.execute(statement("count_failure"), {"stream": stream}).fetchone() or (0,)
        if isinstance(error, SourceShrank):
            message = f"{error.what}. Nothing is read or confirmed until it shows its rows again."
            alert(ROWS_SHOWN, message, "A table of bets shows far fewer rows than it did. Nothing is read from it.")
        elif failures >= FAILURES_BEFORE_ALERT:
            message = f"The {SYNC}{stream} failed {failures} times in a row. The last time: {_what(error)}"
            alert(SYNC, message, f"The sync of a table of bets failed {failures} times in a row ({_kind(error)}).")
        if failures > 1 and isinstance(error, PikkitError):
            error.state += f"; {failures} syncs of this source have failed in a row"

    with _told_on_failure(connection, postgres, count):
        yield
    # A table that was configured before, or by mistake, fails no more either.
    resolve_alerts(connection, SYNC, now=run.now)


@contextmanager
def reconciliation_alert(connection: psycopg.Connection, postgres: Postgres, run: Run, stream: str) -> Iterator[None]:
    """Opens an alert when a reconciliation fails or is refused, which clears with the next one that is done.

    It is made seldom, and syncs that succeed in between say nothing of it.
    """

    def tell(record: psycopg.Connection, error: Exception) -> None:
        message = f"The {RECONCILIATION}{stream} was not done: {_what(error)}"
        notice = f"A reconciliation with the table of bets was not done ({_kind(error)})."
        _alert(record, run, stream, RECONCILIATION, message, notice)

    with _told_on_failure(connection, postgres, tell):
        yield
    resolve_alerts(connection, RECONCILIATION, now=run.now)


def _alert(record: psycopg.Connection, run: Run, stream: str, cause: str, message: str, notice: str) -> None:
    open_alert(record, cause + stream, "critical", message, notice=notice, run_id=run.run_id, now=run.now)


@contextmanager
def _told_on_failure(
    connection: psycopg.Connection, postgres: Postgres, tell: Callable[[psycopg.Connection, Exception], None]
) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        with suppress(psycopg.Error, PikkitError):
            connection.rollback()  # or its locks on rows would make us wait for ever
            with connect(postgres, purpose="record of a failure") as record:
                tell(record, error)
                record.commit()
        raise


def _what(error: Exception) -> str:
    return error.what if isinstance(error, PikkitError) else _kind(error)


def _kind(error: Exception) -> str:
    return error.kind if isinstance(error, PikkitError) else type(error).__name__
