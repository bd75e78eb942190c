"""A run that others may go on beside: it reads the store as it stood at a log position, and writes nothing to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.servers.connections import Connections
from ingestion.database.locked_store import locked_store
from ingestion.runs.life_lock import hold_life_lock
from ingestion.runs.record import Run, recorded_run


@contextmanager
def run_beside_others(connections: Connections, verb: str) -> Iterator[Run]:
    """A recorded run that holds the run lock only while it begins. Raises as `locked_store` does, all the while."""
    # The record is closed first: a run that began in between would find it neither ended nor alive.
    with (
        postgres_errors(f"Postgres at {connections.postgres.address}"),
        ExitStack() as life,
        ExitStack() as record,
    ):
        with locked_store(connections, verb):
            run = record.enter_context(recorded_run(connections.postgres, verb))
            life.enter_context(hold_life_lock(connections.postgres, run.run_id))
        yield run
