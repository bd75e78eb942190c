"""The hourly job: what a source holds becomes served features, or nothing changes.

lock ── sync ── features ── commit ── materialize
        └────── one transaction ─┘    a copy; what it lacks, the next run brings

Everything up to the commit is one Postgres transaction (cursor, raw, processed, quarantine, features). A crash at any
instant leaves the store as it was, or committed and short of the copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import psycopg

from feature_repo.connections import Connections
from feature_repo.groups import STORED_VIEWS
from ingestion import clock, feature_versions
from ingestion.backfill import backfill
from ingestion.database import connect, run_lock, statement, translated_errors
from ingestion.errors import ConfigurationError
from ingestion.materialize import lost_its_copy, mark_copy, materialize, open_online_store
from ingestion.migrate import pending
from ingestion.progress import Progress, silent
from ingestion.refresh import check_clock, refresh
from ingestion.runs import Run, recorded_run
from ingestion.sync import Source, take_in
from ingestion.verify import Comparison, verify_offline, verify_online

# A first load in which one updated_at covers more than this was rewritten in bulk: its history collapses into one
# instant.
BULK_SHARE = 0.2

# A refresh that is longer ago than this was missed, or was made on a stopped clock that this run was not told of.
LONG_AGO: Final = timedelta(hours=24)


def run(
    connections: Connections, source: Source, *, first_known_by: str = "updated_at", progress: Progress = silent
) -> Run:
    """Load what is new in the source, bring the features up to date, publish them. Returns the run with its counts.

    Raises LockHeld and ClockRewound before anything is recorded; SourceRejected, Unreachable and StoreFull stand in the
    run's record too.
    """
    with _locked(connections, "run") as connection:
        # One instant for all of it: what the source says later than this is the next run's.
        now = clock.now()
        before = check_clock(connection, now)
        with recorded_run(connections.postgres, "run", source=source.name) as this:
            with this.step("sync") as step:
                step.counts = take_in(
                    connection,
                    source,
                    run_id=this.run_id,
                    now=now,
                    first_known_by=first_known_by,
                    progress=progress,
                )
            redefined = feature_versions.redefined(connection)
            with this.step("features") as step:
                step.counts = refresh(connection, run_id=this.run_id, now=now, progress=progress)
            with this.step("commit"):
                connection.commit()
            _copy_online(connection, connections, this, progress)
            this.counts = _summary(this, before, now, redefined)
            return this


def run_backfill(connections: Connections, *, progress: Progress = silent) -> Run:
    """Replay the whole log, replace what comes out differently, publish it."""
    with _locked(connections, "backfill") as connection, recorded_run(connections.postgres, "backfill") as this:
        with this.step("replay") as step:
            step.counts = backfill(connection, run_id=this.run_id, now=clock.now(), progress=progress)
        with this.step("commit"):
            connection.commit()
        _copy_online(connection, connections, this, progress, anew=True)
        return this


def run_materialize(connections: Connections, *, progress: Progress = silent) -> Run:
    """Copy to the online store everything that it is to serve, whatever it may have lost."""
    with _locked(connections, "materialize") as connection, recorded_run(connections.postgres, "materialize") as this:
        _copy_online(connection, connections, this, progress, anew=True)
        return this


def check_prepared(connection: psycopg.Connection) -> None:
    """Raise ConfigurationError when the store's schema or Feast's registry is not up to this code."""
    if missing := pending(connection):
        raise ConfigurationError(
            f"The store lacks migrations: {', '.join(missing)}",
            "Nothing was done",
            "Run `pikkit migrate`, then `pikkit apply`",
        )
    if missing := unapplied(connection):
        raise ConfigurationError(
            f"Feast's registry lacks views: {', '.join(missing)}", "Nothing was done", "Run `pikkit apply`"
        )


def unapplied(connection: psycopg.Connection) -> list[str]:
    """The stored views that Feast's registry does not know."""
    with connection.transaction():
        exists = connection.execute("select to_regclass('feast.feature_views') is not null").fetchone()
        rows = connection.execute(statement("registered_views")).fetchall() if exists == (True,) else []
    known = {name for (name,) in rows}
    return [view.name for view in STORED_VIEWS if view.name not in known]


@contextmanager
def _locked(connections: Connections, verb: str) -> Iterator[psycopg.Connection]:
    with (
        translated_errors(f"Postgres at {connections.postgres.address}"),
        connect(connections.postgres, purpose=verb) as connection,
    ):
        check_prepared(connection)
        with run_lock(connection, verb):
            yield connection


def _copy_online(
    connection: psycopg.Connection, connections: Connections, this: Run, progress: Progress, *, anew: bool = False
) -> None:
    with this.step("load feast"):  # seconds that would be charged to the copy
        progress("load feast", 0, None)
        import feast  # noqa: F401
    with this.step("materialize") as step, open_online_store(connections) as store:
        anew = anew or lost_its_copy(connection, connections)
        step.counts = materialize(connection, store, anew=anew, progress=progress)
        if anew:
            mark_copy(connection, connections)


def _summary(this: Run, before: datetime | None, refreshed_at: datetime, redefined: list[str]) -> dict[str, object]:
    sync, features, *_ = (step.counts for step in this.steps)
    changed = sum(features.values())
    warnings = []
    if before is not None and refreshed_at - before > LONG_AGO:
        warnings.append(
            f"This run's clock, {_text(refreshed_at)}, is {(refreshed_at - before) / timedelta(days=1):.1f} days past "
            f"the last refresh, {_text(before)}. If this store runs on a stopped clock, give --now (or PIKKIT_NOW) "
            "each time."
        )
    if sync["first_load"] and sync["largest_instant"] > BULK_SHARE * max(1, sync["accepted"]):
        warnings.append(
            f"{sync['largest_instant']:,} of {sync['accepted']:,} versions share one updated_at: the source was "
            "rewritten in bulk, and their history collapses into one instant. KNOWN_AT_COLUMN=settled_at keeps it "
            "on a first load."
        )
    if redefined:
        warnings.append(
            f"The code that computes {', '.join(redefined)} changed since their rows were written, and new rows stand "
            "beside old ones now. Run `pikkit backfill`."
        )
    if sync["late"] > BULK_SHARE * max(1, sync["accepted"]):
        warnings.append(
            f"{sync['late']:,} of {sync['accepted']:,} versions arrived late: their updated_at lies before the last "
            "refresh, so they count from just past it. History that belongs together is best loaded at once."
        )
    if sync["naive_timestamps"]:
        warnings.append(f"{sync['naive_timestamps']:,} timestamps had no offset and were read as UTC.")
    if sync["empty_texts"]:
        warnings.append(f"{sync['empty_texts']:,} values held nothing but white space and were read as null.")
    if sync["unknown_columns"]:
        warnings.append(f"Columns kept in raw only, since no feature uses them: {', '.join(sync['unknown_columns'])}.")
    return {
        "rows_read": sync["rows_read"],
        "accepted": sync["accepted"],
        "quarantined": sync["quarantined"],
        "change_rows": changed,
        "refreshed_at": _text(refreshed_at),
        "warnings": warnings,
    }


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def compare(connections: Connections, *, online: bool = True, progress: Progress = silent) -> list[Comparison]:
    """Rule R3 on the live store (ingestion/verify.py), under the run lock, so that nothing moves. Changes nothing."""
    with _locked(connections, "verify") as connection:
        compared = list(verify_offline(connection, progress))
        connection.rollback()
        if online:
            with open_online_store(connections) as store:
                compared += verify_online(connection, store, progress)
        return compared
