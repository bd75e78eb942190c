"""The way back for a store that was refreshed by a clock which ran ahead: what it holds of the future, known now.

Without it no run with the right clock is taken before that day. A version that became known after the present did so,
in truth, at some instant before it which nobody can tell any more. From now on it counts, which is never too early
(rule R1), and answers for instants up to now stay what they were. Each earlier instant is kept in ops.rewound_versions.

A version that says that its bet is placed after the present cannot be known now. Where the bet was mended since, such a
version never counts; where it was not, there is no rewind.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import psycopg

from feature_repo.clock import CLOCK_TOLERANCE
from feature_repo.errors import ConfigurationError
from feature_repo.postgres.queries import feast_statement
from ingestion.database.access import statement
from ingestion.features.watermark import MOST_AHEAD, server_clock


def check_rewindable(connection: psycopg.Connection, now: datetime) -> None:
    """Raise ConfigurationError when `now` is not the present, the store is not ahead of it, or bets were placed later.

    A rewind to any other instant than the present would say of versions that they were known before they were.
    """
    theirs = server_clock(connection)
    watermark = connection.execute(feast_statement("features_watermark")).fetchone()
    later, example = connection.execute(statement("placed_after"), {"now": now}).fetchone() or (0, None)
    connection.rollback()
    if abs(now - theirs) > MOST_AHEAD:
        raise ConfigurationError(
            f"The clock says {now:%Y-%m-%dT%H:%M:%SZ}, Postgres {theirs:%Y-%m-%dT%H:%M:%SZ}, and a store is rewound to "
            "the present only",
            "Nothing was done",
            "Set the clock that is wrong, or leave out --now and PIKKIT_NOW",
        )
    if watermark is None or watermark[0] <= now + CLOCK_TOLERANCE:
        raise ConfigurationError(
            "The store was not refreshed later than the clock says",
            "Nothing was done",
            "Leave out --rewind: it is for a store whose clock ran ahead",
        )
    if later:
        raise ConfigurationError(
            f"{later:,} bets of the log say that they were placed after now, such as {example}: known now, their "
            "results would come before them",
            "Nothing was done",
            "Mend time_placed at the source, bring that in with `pikkit sync --clock-ahead --now "
            f"{watermark[0] + CLOCK_TOLERANCE:%Y-%m-%dT%H:%M:%SZ}`, then rewind",
        )


def rewind(connection: psycopg.Connection, *, run_id: UUID, now: datetime) -> int:
    """Put the log, the watermark, the cursors and what was copied back to `now`. Returns how many versions were moved.

    Names keep their codes, and are known from when their versions are now. In the caller's transaction, before a
    backfill makes the features of it.
    """
    params = {"run_id": run_id, "now": now}
    connection.execute(statement("record_rewind"), params)
    connection.execute(statement("rewind_withheld"), {"now": now})
    connection.execute(statement("rewind_previous"), {"now": now})
    moved = connection.execute(statement("rewind_versions"), params).rowcount
    connection.execute(statement("rewind_vocabulary"), {"now": now})
    connection.execute(statement("rewind_watermark"), {"now": now})
    connection.execute(statement("rewind_streams"), {"now": now})
    connection.execute(statement("rewind_materializations"))
    return moved
