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
    position: int = _reach(connection)[0]
    return position


def check_clock(connection: psycopg.Connection, now: datetime, *, clock_ahead: bool = False) -> datetime | None:
    """The features watermark: the clock of the last refresh, null before the first.

    Raises ClockRewound when `now` lies before it: what was published then is history.

    Raises ClockAhead when it lies more than an hour past the database's clock, unless `clock_ahead` says that it may.
    """
    check_not_ahead(connection, now, clock_ahead=clock_ahead)
    refreshed_at: datetime | None = _reach(connection)[1]
    is_ahead = refreshed_at is not None and refreshed_at > server_clock(connection) + MOST_AHEAD
    connection.rollback()
    if refreshed_at and now < refreshed_at - CLOCK_TOLERANCE:
        raise ClockRewound(
            f"The clock says {now:%Y-%m-%dT%H:%M:%SZ}, "
            f"but this store was refreshed at {refreshed_at:%Y-%m-%dT%H:%M:%SZ}",
            "Nothing was done; published history is never rewritten",
            _REWIND if is_ahead else _LEAVE_OUT,
        )
    return refreshed_at


def check_not_ahead(connection: psycopg.Connection, now: datetime, *, clock_ahead: bool = False) -> None:
    """Raise ClockAhead when `now` lies more than an hour past the database's clock, unless that is meant."""
    theirs = server_clock(connection)
    connection.rollback()
    if clock_ahead or now - theirs <= MOST_AHEAD:
        return
    raise ClockAhead(
        f"The clock says {now:%Y-%m-%dT%H:%M:%SZ}, but Postgres has {theirs:%Y-%m-%dT%H:%M:%SZ}",
        "Nothing was done. A refresh by a clock that runs ahead would lock the store until that day: its clock only "
        "moves forward",
        "Set this machine's clock, or leave out --now and PIKKIT_NOW; --clock-ahead takes the clock as it is",
        ahead=now - theirs,
    )


def server_clock(connection: psycopg.Connection) -> datetime:
    """What the database's own clock says."""
    row: tuple[datetime] | None = connection.execute(statement("server_clock")).fetchone()
    if row is None:
        raise LookupError("no clock")
    return row[0]


def _reach(connection: psycopg.Connection) -> tuple[Any, ...]:
    """The features' log position, their watermark, and the end of the log."""
    row = connection.execute(statement("log_position")).fetchone()
    if row is None:
        raise LookupError("no log position")
    return row
