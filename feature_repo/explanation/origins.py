"""Where a change came from: the run that wrote it and its gate, the versions, their streams and payloads."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from feature_repo.explanation.result import ArrivedVersion, RunBehind
from feature_repo.postgres.queries import feast_statement


def runs_behind(connection: psycopg.Connection, run_ids: Iterable[UUID]) -> dict[UUID, RunBehind]:
    """The runs with these ids that have a record, by id."""
    with connection.cursor(row_factory=class_row(RunBehind)) as cursor:
        rows = cursor.execute(feast_statement("run_and_gate"), {"runs": list(run_ids)}).fetchall()
    return {run.run_id: run for run in rows}


def arrived_versions(connection: psycopg.Connection, seqs: Collection[int]) -> list[ArrivedVersion]:
    """The versions with these numbers, the newest first."""
    if not seqs:
        return []
    with connection.cursor(row_factory=class_row(ArrivedVersion)) as cursor:
        return cursor.execute(feast_statement("arrived_versions"), {"seqs": list(seqs)}).fetchall()
