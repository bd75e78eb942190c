"""What shows that a run is alive which does not hold the run lock: a lock of its own, for as long as its process lives.

Whoever begins a run marks those that are still running in the record as died, since their lock is free. A run that goes
on beside others is spared as long as this lock is held.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg

from feature_repo.servers.connections import Postgres
from ingestion.database.access import connect, statement


@contextmanager
def hold_life_lock(postgres: Postgres, run_id: UUID) -> Iterator[None]:
    """Hold the lock of this run, in a session whose one transaction stays open. Raises Unreachable.

    The transaction holds neither a snapshot nor a transaction id, so it keeps no vacuum back; it goes with the process.
    """
    with connect(postgres, purpose="run beside others") as connection:
        connection.execute(statement("hold_life_lock"), {"run_id": run_id})
        try:
            yield
        finally:
            connection.close()


def living_runs(connection: psycopg.Connection) -> list[UUID]:
    """The runs of the record that are running and whose lock is held."""
    return [run_id for (run_id,) in connection.execute(statement("living_runs")).fetchall()]
