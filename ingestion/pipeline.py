"""The hourly job: what a source holds becomes served features, or nothing changes.

lock ── sync ── anomalies ── features ── gates ── commit ── materialize
        └────────────── one transaction ─────────────┘    a copy; what it lacks, the next run brings

Everything up to the commit is one Postgres transaction (cursor, raw, processed, quarantine, features, verdicts). A
crash at any instant leaves the store as it was, or committed and short of the copy. What the gates refuse is undone
from the features on, and the rest committed; as the features remember how far into the log they reach, the next good
run takes up what was refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import psycopg

from feature_repo.servers.connections import Connections
from ingestion import clock
from ingestion.database.access import commit, connect, hold_run_lock, translated_errors
from ingestion.database.rollout import check_prepared
from ingestion.features import feature_versions
from ingestion.features.backfill import replace_by_replay
from ingestion.features.refresh import check_clock, features_reach, refresh, withhold_refused
from ingestion.features.rewind import check_not_ahead, check_rewindable, rewind
from ingestion.features.verify import Comparison, verify_offline, verify_online
from ingestion.gates import publication
from ingestion.gates.evidence import evidence_of_batch, evidence_with_features, evidence_without_batch, flag_counts
from ingestion.gates.publication import Outcome, publish
from ingestion.intake.counts import FormatOfFile, SyncCounts
from ingestion.intake.load import RowSource, SyncRequest, TableRows, requested_rows, take_in
from ingestion.intake.name_variants import name_variants
from ingestion.intake.reconcile import reconcile_table
from ingestion.intake.stream_formats import check_mapping_given, is_read_as_before, keep_stream_format
from ingestion.intake.streams import check_columns, check_intake, check_table, record_stream, stream_state
from ingestion.progress import Progress, silent
from ingestion.runs.record import Counts, Run, recorded_run
from ingestion.runs.source_failures import failed_reconciliation_told, sync_failures_counted
from ingestion.runs.warnings import on_names, on_refresh, on_sync
from ingestion.serving.materialize import copy_online, open_online_store
from ingestion.sources.files.file_source import FileSource
from ingestion.sources.table import SourceTable
from quality.gates import Gates

EVERYTHING_NEW = SyncRequest()


def run_pipeline(
    connections: Connections,
    source: FileSource | SourceTable,
    request: SyncRequest = EVERYTHING_NEW,
    *,
    gates: Gates | None = None,
    override: str | None = None,
    clock_ahead: bool = False,
    progress: Progress = silent,
) -> Run:
    """Load what is new in the source, bring the features up to date, publish them. Returns the run with its counts.

    `gates` are the default ones unless given; `override` publishes what they refuse, and says why.

    Raises LockHeld, ClockRewound and, unless `clock_ahead`, ClockAhead before anything is recorded; what the source or
    a store raises, and GateRefused, stand in the run's record too.
    """
    with locked_store(connections, "run") as connection:
        # One instant for all of it: what the source says later than this is the next run's.
        now = clock.now()
        before = check_clock(connection, now, clock_ahead=clock_ahead)
        with recorded_run(connections.postgres, "run", source=source.name, now=now) as this:
            sync = _sync(connection, connections, this, source, request, progress)
            this.counts = _sync_summary(sync)
            redefined = feature_versions.redefined_views(connection)
            withhold_refused(connection)
            since = features_reach(connection)
            with this.step("anomalies") as step:
                progress("anomalies", 0, None)
                batch = evidence_of_batch(connection, since=since, sync=sync, now=now)
                step.counts = flag_counts(batch)
            judged = publish(
                connection,
                this,
                "features",
                lambda: refresh(connection, run_id=this.run_id, now=now, progress=progress),
                lambda: evidence_with_features(
                    connection, batch, since=since, reach=features_reach(connection), published=before
                ),
                gates,
                override,
            )
            _copy_online(connection, connections, this, progress)
            remarks = on_refresh(before, now, redefined) + on_names(name_variants(connection))
            this.counts = _summary(this, judged, remarks)
            return this


def run_sync(
    connections: Connections,
    source: FileSource | SourceTable,
    request: SyncRequest = EVERYTHING_NEW,
    *,
    clock_ahead: bool = False,
    progress: Progress = silent,
) -> Run:
    """Load what is new in the source into the log, and no further: the features follow with the next `run`."""
    with locked_store(connections, "sync") as connection:
        now = clock.now()
        check_clock(connection, now, clock_ahead=clock_ahead)
        with recorded_run(connections.postgres, "sync", source=source.name, now=now) as this:
            sync = _sync(connection, connections, this, source, request, progress)
            with this.step("commit"):
                commit(connection)
            this.counts = _sync_summary(sync)
            return this


def run_reconcile(
    connections: Connections,
    table: SourceTable,
    request: SyncRequest = EVERYTHING_NEW,
    *,
    most_deletes: int | None = None,
    include_streams: Sequence[str] = (),
    clock_ahead: bool = False,
    progress: Progress = silent,
) -> Run:
    """Sync, then bring in what the sync could not see: bets that vanished, and rows it missed (reconcile.py)."""
    with locked_store(connections, "reconcile") as connection:
        now = clock.now()
        check_clock(connection, now, clock_ahead=clock_ahead)
        with recorded_run(connections.postgres, "reconcile", source=table.name, now=now) as this:
            # How many are believed to be deleted is judged below.
            believing = replace(request, believes_deletes=most_deletes is not None)
            sync = _sync(connection, connections, this, table, believing, progress)
            with (
                this.step("reconcile") as step,
                failed_reconciliation_told(connection, connections.postgres, this, table.name),
                table.reading() as reading,
            ):
                reconciled = reconcile_table(
                    connection,
                    table.name,
                    reading,
                    run_id=this.run_id,
                    clock=clock.now,
                    most_deletes=most_deletes,
                    include_streams=include_streams,
                    progress=progress,
                )
                step.counts = reconciled.document()
            with this.step("commit"):
                commit(connection)
            this.counts = _sync_summary(sync) | {"reconciled": step.counts}
            return this


def run_backfill(
    connections: Connections,
    *,
    gates: Gates | None = None,
    override: str | None = None,
    rewound: bool = False,
    clock_ahead: bool = False,
    progress: Progress = silent,
) -> Run:
    """Replay the whole log, replace what comes out differently, publish it. `gates` and `override` as of `run`.

    `rewound` takes a store that was refreshed by a clock which ran ahead back to the present first
    (ingestion/features/rewind.py). Raises ClockAhead as `run` does, and ConfigurationError when there is nothing to
    rewind.
    """
    with locked_store(connections, "backfill") as connection:
        now = clock.now()
        check_not_ahead(connection, now, clock_ahead=clock_ahead)
        if rewound:
            check_rewindable(connection, now)
        with recorded_run(connections.postgres, "backfill", now=now) as this:
            versions_rewound: Counts = {}

            def change() -> Counts:
                if rewound:
                    versions_rewound["versions_rewound"] = rewind(connection, run_id=this.run_id, now=now)
                return replace_by_replay(connection, run_id=this.run_id, now=now, progress=progress)

            judged = publish(
                connection,
                this,
                "replay",
                change,
                lambda: evidence_without_batch(connection, reach=features_reach(connection), now=now),
                gates,
                override,
            )
            _copy_online(connection, connections, this, progress, anew=True)
            this.counts = versions_rewound | {"gates": judged.counts, "warnings": publication.warnings(judged)}
            return this


def run_materialize(connections: Connections, *, rebuild: bool = False, progress: Progress = silent) -> Run:
    """Copy to the online store what it lacks; with `rebuild`, everything that it is to serve, whatever stands there."""
    with (
        locked_store(connections, "materialize") as connection,
        recorded_run(connections.postgres, "materialize") as this,
    ):
        _copy_online(connection, connections, this, progress, anew=rebuild)
        return this


@contextmanager
def locked_store(connections: Connections, verb: str) -> Iterator[psycopg.Connection]:
    """A connection to a store that is up to this code, holding the run lock for this verb."""
    with (
        translated_errors(f"Postgres at {connections.postgres.address}"),
        connect(connections.postgres, purpose=verb) as connection,
    ):
        check_prepared(connection)
        with hold_run_lock(connection, verb):
            yield connection


def _copy_online(
    connection: psycopg.Connection, connections: Connections, this: Run, progress: Progress, *, anew: bool = False
) -> None:
    with this.step("load feast"):  # seconds that would be charged to the copy
        progress("load feast", 0, None)
        import feast  # noqa: F401
    with this.step("materialize") as step, open_online_store(connections) as store:
        step.counts = copy_online(connection, store, anew=anew, progress=progress)


def _sync(
    connection: psycopg.Connection,
    connections: Connections,
    this: Run,
    source: FileSource | SourceTable,
    request: SyncRequest,
    progress: Progress,
) -> SyncCounts:
    # Whoever loads a file is looking.
    is_file = isinstance(source, FileSource)
    with (
        this.step("sync") as step,
        nullcontext() if is_file else sync_failures_counted(connection, connections.postgres, this, source.name),
        _rows(connection, source, request) as rows,
    ):
        if isinstance(source, FileSource):
            check_mapping_given(connection, source.name, source.format)
        before = stream_state(connection, source.name)
        shown = check_table(before, rows, request) if isinstance(rows, TableRows) else None
        is_read_anew = isinstance(source, FileSource) and not is_read_as_before(connection, source.name, source.format)
        intake = take_in(
            connection,
            rows,
            run_id=this.run_id,
            now=this.now,
            first_known_by=request.first_known_by,
            is_read_anew=is_read_anew,
            progress=progress,
        )
        step.counts = intake.document()
        columns: Collection[str] = intake.columns
        if isinstance(rows, TableRows):
            columns = rows.columns
            if rows.row_count is not None and intake.rows_read < rows.row_count:
                intake = replace(intake, source_rows=rows.recount())
                step.counts = intake.document()
        elif isinstance(source, FileSource) and not is_read_anew:
            check_columns(before, source.name, columns, intake.unknown_columns, request.without)
        check_intake(before, source.name, intake, request, shown)
        stream = record_stream(
            connection, this, source.name, before, columns=columns, without=request.without, shown=shown
        )
        sync = SyncCounts(**vars(intake), **vars(stream))
        if isinstance(source, FileSource) and source.format is not None:
            keep_stream_format(connection, source.name, source.format, run_id=this.run_id, now=this.now)
            sync = replace(sync, format=FormatOfFile(**source.format.document()))
        step.counts = sync.document()
    return sync


@contextmanager
def _rows(
    connection: psycopg.Connection, source: FileSource | SourceTable, request: SyncRequest
) -> Iterator[RowSource]:
    if isinstance(source, FileSource):
        yield source
    else:
        with requested_rows(connection, source, request) as rows:
            yield rows


def _sync_summary(sync: SyncCounts) -> Counts:
    document = sync.document()
    return {
        **{name: document[name] for name in ("rows_read", "accepted", "quarantined", "format") if name in document},
        "warnings": on_sync(sync),
    }


def _summary(this: Run, judged: Outcome, remarks: list[str]) -> Counts:
    features = next(step for step in this.steps if step.name == "features")
    return this.counts | {
        "change_rows": sum(features.counts.values()),
        "refreshed_at": f"{this.now:%Y-%m-%dT%H:%M:%SZ}",
        "gates": judged.counts,
        "warnings": remarks + this.counts["warnings"] + publication.warnings(judged),
    }


def redefined_features(connections: Connections) -> list[str]:
    """The views whose definition changed since their rows were written: until a backfill they differ."""
    with connect(connections.postgres, purpose="verify") as connection:
        return feature_versions.redefined_views(connection)


def compare(connections: Connections, *, online: bool = True, progress: Progress = silent) -> list[Comparison]:
    """Rule R3 on the live store (features/verify.py), under the run lock, so that nothing moves. Changes nothing."""
    with locked_store(connections, "verify") as connection:
        compared = list(verify_offline(connection, progress))
        connection.rollback()
        if online:
            with open_online_store(connections) as store:
                compared += verify_online(connection, store, progress)
        return compared
