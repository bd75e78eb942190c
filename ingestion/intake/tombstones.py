"""Tombstones: the versions that say that a bet is deleted, known from now on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import psycopg

from ingestion.database.access import statement


def write_tombstones(
    connection: psycopg.Connection, ids: Sequence[str], source: str, *, run_id: UUID, now: datetime, is_gone: bool
) -> None:
    """Take these bets out of the count, and settle their open rows in quarantine.

    `is_gone`: the source does not hold them any more. Otherwise it holds their newest raw version, which stays the
    newest: the tombstone repeats its payload. Part of the caller's transaction.
    """
    connection.execute(statement("tombstones_table"), {"ids": list(ids), "now": now, "is_gone": is_gone})
    connection.execute(statement("record_tombstones"), {"run_id": run_id, "source": source, "now": now})
    connection.execute(statement("store_tombstones"), {"run_id": run_id})
    connection.execute(statement("drop_tombstones"))
