"""Judgements for change rows that a test wrote itself: what a run that passed its gate leaves behind."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg

from feature_repo.declarations.views import STORED_VIEWS


def pass_gates(database: psycopg.Connection) -> None:
    """Let every run that has no judgement yet have passed its gate, with its rows as they stand."""
    for view in STORED_VIEWS:
        for (run_id,) in database.execute("select run_id from features.digests(%s, null)", [view.name]).fetchall():
            judge(database, run_id, "passed")
            seal(database, run_id, view.name)
            record_lineage(database, run_id, view.name)


def judge(database: psycopg.Connection, run_id: UUID, state: str) -> None:
    """Leave the judgement over a run, unless there is one."""
    database.execute(
        "insert into ops.runs (run_id, verb, state, code_version, now, started_at) "
        "values (%s, 'test', 'done', '', now(), now()) on conflict do nothing",
        [run_id],
    )
    database.execute(
        "insert into ops.gates (run_id, state, reason, judged_at, since_seq, until_seq) "
        "values (%s, %s, %s, now(), 0, 1) on conflict do nothing",
        [run_id, state, "for a test" if state == "overridden" else None],
    )


def seal(database: psycopg.Connection, run_id: UUID, view: str) -> None:
    """Keep the digest of what the run wrote in the view, unless there is one."""
    database.execute(
        "insert into ops.seals (run_id, view, rows, checksum) "
        "select run_id, %(view)s, rows, checksum from features.digests(%(view)s, array[%(run_id)s]) "
        "on conflict do nothing",
        {"view": view, "run_id": run_id},
    )


def record_lineage(database: psycopg.Connection, run_id: UUID, view: str) -> None:
    """Keep that the run began and that it wrote the view, unless that is kept."""
    for job, job_run_id, event_type in (("test", run_id, "START"), (f"features.{view}", uuid4(), "COMPLETE")):
        database.execute(
            "insert into ops.lineage_events (run_id, job, job_run_id, event_type, event_time, event) "
            "select %(run_id)s, %(job)s, %(job_run_id)s, %(event_type)s, now(), '{}' where not exists "
            "(select from ops.lineage_events where run_id = %(run_id)s and job = %(job)s)",
            {"run_id": run_id, "job": job, "job_run_id": job_run_id, "event_type": event_type},
        )
