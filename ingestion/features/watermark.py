"""How far the features are: up to which version of the log, as of which clock; and which clocks may move them on.

The clock of the last refresh is the features watermark. It only moves forward.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from feature_repo.clock import CLOCK_TOLERANCE
from feature_repo.errors import ClockAhead, ClockRewound
from ingestion.database.access import statement

# How far a run's clock may lie past the database's own.
MOST_AHEAD: Final = timedelta(hours=1)

_LEAVE_OUT: Final = (
    "Leave out --now and PIKKIT_NOW, or use another store for the older clock: PIKKIT_HOME=<new directory>"
)
_REWIND: Final = (
    "It was refreshed by a clock that ran ahead: `pikkit backfill --rewind` takes the store back to the present"
)


def features_log_position(connection: psycopg.Connection) -> int:
    """The log position up to which the features go; 0 before the first refresh."""
    log_position: int = _position(connection)[0]
    return log_position


def check_clock(connection: psycopg.Connection, now: datetime, *, clock_ahead: bool = False) -> datetime | None:
    """The features watermark: the clock of the last refresh, null before the first.

    Raises ClockRewound when `now` lies before it: what was published then is history.

    Raises ClockAhead when it lies more than an hour past the database's clock, unless `clock_ahead` says that it may.
    """
    check_not_ahead(connection, now, clock_ahead=clock_ahead)
    watermark: datetime | None = _position(connection)[1]
    is_ahead = watermark is not None and watermark > server_clock(connection) + MOST_AHEAD
    connection.rollback()
    if watermark and now < watermark - CLOCK_TOLERANCE:
        raise ClockRewound(
            f"The clock says {now:%Y-%m-%dT%H:%M:%SZ}, but this store was refreshed at {watermark:%Y-%m-%dT%H:%M:%SZ}",
            "Nothing was done; published history is never rewritten",
            _REWIND if is_ahead else _LEAVE_OUT,
        )
    return watermark


def check_not_ahead(connection: psycopg.Connection, now: datetime, *, clock_ahead: bool = False) -> None:
    """Raise ClockAhead when `now` lies more than an hour past the database's clock, unless that is meant."""
    server_now = server_clock(connection)
    connection.rollback()
    if clock_ahead or now - server_now <= MOST_AHEAD:
        return
    raise ClockAhead(
        f"The clock says {now:%Y-%m-%dT%H:%M:%SZ}, but Postgres has {server_now:%Y-%m-%dT%H:%M:%SZ}",
        "Nothing was done. A refresh by a clock that runs ahead would lock the store until that day: its clock only "
        "moves forward",
        "Set this machine's clock, or leave out --now and PIKKIT_NOW; --clock-ahead takes the clock as it is",
        ahead=now - server_now,
    )


def server_clock(connection: psycopg.Connection) -> datetime:
    """What the database's own clock says."""
    row: tuple[datetime] | None = connection.execute(statement("server_clock")).fetchone()
    if row is None:
        raise LookupError("no clock")
    return row[0]


def _position(connection: psycopg.Connection) -> tuple[Any, ...]:
    """The features' log position, their watermark, and the end of the log."""
    row = connection.execute(statement("log_position")).fetchone()
    if row is None:
        raise LookupError("no log position")
    return row
