"""The hourly job: what a source holds becomes served features, or nothing changes.

lock ── sync ── anomalies ── features ── gates ── lineage ── commit ── materialize
        └─────────────────── one transaction ──────────────────┘    a copy; what it lacks, the next run brings

Everything up to the commit is one Postgres transaction (cursor, raw, processed, quarantine, features, verdicts,
lineage). A
crash at any instant leaves the store as it was, or committed and short of the copy. What the gates refuse is undone
from the features on, and the rest committed; as the features remember their log position, the next good
run takes up what was refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import psycopg

from feature_repo import clock
from feature_repo.lineage.copy_events import CopyLineage
from feature_repo.servers.connections import Connections
from feature_repo.store import import_feast
from ingestion.database.access import commit, connect
from ingestion.database.locked_store import locked_store
from ingestion.features import feature_versions
from ingestion.features.backfill import replace_by_replay
from ingestion.features.clock_rewind import check_rewindable, rewind
from ingestion.features.refresh import refresh, withhold_refused
from ingestion.features.verify import Comparison, verify_offline, verify_online
from ingestion.features.watermark import check_clock, check_not_ahead, features_log_position
from ingestion.forgetting.online_rows import finish_online
from ingestion.gates.evidence import evidence_of_batch, evidence_with_features, evidence_without_batch, flag_counts
from ingestion.gates.publication import (
    gate_outcome,
    gate_warnings,
    raise_if_refused,
    record_judgement,
    set_features_savepoint,
    undo_if_refused,
)
from ingestion.intake.counts import FormatOfFile, ReconcileCounts, SyncCounts
from ingestion.intake.load import load_rows
from ingestion.intake.name_variants import name_variants
from ingestion.intake.reconcile import reconcile_table
from ingestion.intake.request import SyncRequest, TableRows, requested_rows
from ingestion.intake.row_source import RowSource
from ingestion.intake.stream_formats import check_mapping_given, is_read_as_before, keep_stream_format
from ingestion.intake.streams import check_columns, check_intake, check_table, record_stream, stream_state
from ingestion.lineage.run_lineage import TakenIn, keep_intake, keep_refresh
from ingestion.progress import Progress, silent
from ingestion.runs.record import FinishedRun, Run, recorded_run
from ingestion.runs.source_failures import reconciliation_alert, sync_failure_alert
from ingestion.runs.summaries import (
    BackfillSummary,
    MaterializeSummary,
    PipelineSummary,
    ReconcileSummary,
    SyncSummary,
)
from ingestion.runs.warnings import on_names, on_refresh, on_sync
from ingestion.serving.materialize import OnlineCopyCounts, copy_online, open_online_store
from ingestion.sources.files.file_source import FileSource
from ingestion.sources.table import SourceTable
from quality.gates import Gates, default_gates

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
) -> FinishedRun[PipelineSummary]:
    """Load what is new in the source, bring the features up to date, publish them.

    `gates` are the default ones unless given; `override` publishes what they refuse, and says why.

    Raises LockHeld, ClockRewound and, unless `clock_ahead`, ClockAhead before anything is recorded; what the source or
    a store raises, and GateRefused, stand in the run's record too.
    """
    with locked_store(connections, "run") as connection:
        # One instant for all of it: what the source says later than this is the next run's.
        now = clock.now()
        watermark_before = check_clock(connection, now, clock_ahead=clock_ahead)
        with recorded_run(connections.postgres, "run", source=source.name, now=now) as this:
            synced = _sync(connection, connections, this, source, request, progress)
            this.summary = synced
            redefined = feature_versions.redefined_features(connection)
            withhold_refused(connection)
            since = features_log_position(connection)
            with this.step("anomalies") as step:
                progress("anomalies", 0, None)
                batch = evidence_of_batch(connection, since=since, sync=synced.sync, now=now)
                step.result = flags = flag_counts(batch)
            set_features_savepoint(connection)
            with this.step("features") as step:
                step.result = refreshed = refresh(connection, run_id=this.run_id, now=now, progress=progress)
            with this.step("gates") as step:
                evidence = evidence_with_features(
                    connection,
                    batch,
                    since=since,
                    until=features_log_position(connection),
                    watermark_before=watermark_before,
                )
                outcome = gate_outcome(gates or default_gates(), evidence, override)
                undo_if_refused(connection, outcome)
                step.result = outcome = record_judgement(connection, this, evidence, outcome)
            with this.step("lineage") as step:
                intake = _taken_in(source.name, synced.sync)
                step.result = keep_refresh(connection, connections.postgres, this, evidence, outcome, intake)
            with this.step("commit"):
                commit(connection)
            raise_if_refused(connection, this, outcome)
            online = _copy_online(connection, connections, this, progress)
            warnings = [
                *on_refresh(watermark_before, now, redefined),
                *on_names(name_variants(connection)),
                *synced.warnings,
                *gate_warnings(outcome, override=override),
            ]
            return this.finished(PipelineSummary(synced.sync, warnings, flags, refreshed, now, outcome, online))


def run_sync(
    connections: Connections,
    source: FileSource | SourceTable,
    request: SyncRequest = EVERYTHING_NEW,
    *,
    clock_ahead: bool = False,
    progress: Progress = silent,
) -> FinishedRun[SyncSummary]:
    """Load what is new in the source into the log, and no further: the features follow with the next `run`."""
    with locked_store(connections, "sync") as connection:
        now = clock.now()
        check_clock(connection, now, clock_ahead=clock_ahead)
        with recorded_run(connections.postgres, "sync", source=source.name, now=now) as this:
            synced = _sync(connection, connections, this, source, request, progress)
            with this.step("lineage") as step:
                intake = _taken_in(source.name, synced.sync)
                step.result = keep_intake(connection, connections.postgres, this, intake)
            with this.step("commit"):
                commit(connection)
            return this.finished(synced)


def run_reconcile(
    connections: Connections,
    table: SourceTable,
    request: SyncRequest = EVERYTHING_NEW,
    *,
    most_deletes: int | None = None,
    include_streams: Sequence[str] = (),
    clock_ahead: bool = False,
    progress: Progress = silent,
) -> FinishedRun[ReconcileSummary]:
    """Sync, then bring in what the sync could not see: bets that vanished, and rows it missed (reconcile.py)."""
    with locked_store(connections, "reconcile") as connection:
        now = clock.now()
        check_clock(connection, now, clock_ahead=clock_ahead)
        with recorded_run(connections.postgres, "reconcile", source=table.name, now=now) as this:
            # How many are believed to be deleted is judged below.
            believing = replace(request, believes_deletes=most_deletes is not None)
            synced = _sync(connection, connections, this, table, believing, progress)
            with (
                this.step("reconcile") as step,
                reconciliation_alert(connection, connections.postgres, this, table.name),
                table.reading() as reading,
            ):
                step.result = reconciled = reconcile_table(
                    connection,
                    table.name,
                    reading,
                    run_id=this.run_id,
                    clock=clock.now,
                    most_deletes=most_deletes,
                    include_streams=include_streams,
                    user_column=request.user_column,
                    progress=progress,
                )
            with this.step("lineage") as step:
                intake = _taken_in(table.name, synced.sync, reconciled)
                step.result = keep_intake(connection, connections.postgres, this, intake)
            with this.step("commit"):
                commit(connection)
            return this.finished(ReconcileSummary(synced.sync, synced.warnings, reconciled))


def run_backfill(
    connections: Connections,
    *,
    gates: Gates | None = None,
    override: str | None = None,
    rewound: bool = False,
    clock_ahead: bool = False,
    progress: Progress = silent,
) -> FinishedRun[BackfillSummary]:
    """Replay the whole log, replace what comes out differently, publish it. `gates` and `override` as of `run`.

    `rewound` takes a store that was refreshed by a clock which ran ahead back to the present first
    (features/clock_rewind.py). Raises ClockAhead as `run` does, and ConfigurationError when there is nothing to rewind.
    """
    with locked_store(connections, "backfill") as connection:
        now = clock.now()
        check_not_ahead(connection, now, clock_ahead=clock_ahead)
        if rewound:
            check_rewindable(connection, now)
        with recorded_run(connections.postgres, "backfill", now=now) as this:
            set_features_savepoint(connection)
            with this.step("replay") as step:
                versions_rewound = rewind(connection, run_id=this.run_id, now=now) if rewound else None
                step.result = replaced = replace_by_replay(connection, run_id=this.run_id, now=now, progress=progress)
            with this.step("gates") as step:
                evidence = evidence_without_batch(connection, until=features_log_position(connection), now=now)
                outcome = gate_outcome(gates or default_gates(), evidence, override)
                undo_if_refused(connection, outcome)
                step.result = outcome = record_judgement(connection, this, evidence, outcome)
            with this.step("lineage") as step:
                step.result = keep_refresh(connection, connections.postgres, this, evidence, outcome)
            with this.step("commit"):
                commit(connection)
            raise_if_refused(connection, this, outcome)
            online = _copy_online(connection, connections, this, progress, anew=True)
            warnings = gate_warnings(outcome, override=override)
            return this.finished(BackfillSummary(versions_rewound, replaced, outcome, online, warnings))


def run_materialize(
    connections: Connections, *, rebuild: bool = False, progress: Progress = silent
) -> FinishedRun[MaterializeSummary]:
    """Copy to the online store what it lacks; with `rebuild`, everything that it is to serve, whatever stands there.

    Raises ClockRewound when the clock lies before the last refresh: what is copied is always of that refresh.
    """
    with locked_store(connections, "materialize") as connection:
        now = clock.now()
        # A clock that runs ahead does no harm here: a copy moves no watermark past that of the features.
        check_clock(connection, now, clock_ahead=True)
        with recorded_run(connections.postgres, "materialize", now=now) as this:
            online = _copy_online(connection, connections, this, progress, anew=rebuild)
            return this.finished(MaterializeSummary(online, this.steps[-1].seconds))


def _copy_online(
    connection: psycopg.Connection, connections: Connections, this: Run, progress: Progress, *, anew: bool = False
) -> OnlineCopyCounts:
    with this.step("load feast"):  # seconds that would be charged to the copy
        progress("load feast", 0, None)
        import_feast(checks_types=False)
    lineage = CopyLineage(connections.postgres, connections.redis, this.run_id)
    with this.step("materialize") as step, open_online_store(connections) as store:
        finish_online(connection, store)
        step.result = counts = copy_online(connection, store, anew=anew, lineage=lineage, progress=progress)
    return counts


def _taken_in(stream: str, sync: SyncCounts, reconciled: ReconcileCounts | None = None) -> TakenIn:
    missed, refused = (reconciled.missed, reconciled.quarantined) if reconciled else (0, 0)
    return TakenIn(stream, sync.rows_read, sync.accepted + missed, sync.quarantined + refused, tuple(sync.columns))


def _sync(
    connection: psycopg.Connection,
    connections: Connections,
    this: Run,
    source: FileSource | SourceTable,
    request: SyncRequest,
    progress: Progress,
) -> SyncSummary:
    # Whoever loads a file is looking.
    is_file = isinstance(source, FileSource)
    with (
        this.step("sync") as step,
        nullcontext() if is_file else sync_failure_alert(connection, connections.postgres, this, source.name),
        _rows(connection, source, request) as rows,
    ):
        if isinstance(source, FileSource):
            check_mapping_given(connection, source.name, source.format)
        before = stream_state(connection, source.name)
        shown = check_table(before, rows, request) if isinstance(rows, TableRows) else None
        is_read_anew = isinstance(source, FileSource) and not is_read_as_before(connection, source.name, source.format)
        step.result = intake = load_rows(
            connection,
            rows,
            run_id=this.run_id,
            now=this.now,
            first_known_by=request.first_known_by,
            user_column=request.user_column,
            is_read_anew=is_read_anew,
            progress=progress,
        )
        columns: Collection[str] = intake.columns
        if isinstance(rows, TableRows):
            columns = rows.columns
            if rows.row_count is not None and intake.rows_read < rows.row_count:
                step.result = intake = replace(intake, source_rows=rows.recount())
        elif isinstance(source, FileSource) and not is_read_anew:
            check_columns(before, source.name, columns, intake.unknown_columns, request.without)
        check_intake(before, source.name, intake, request, shown)
        changes = record_stream(
            connection, this, source.name, before, columns=columns, without=request.without, shown=shown
        )
        step.result = sync = SyncCounts(**vars(intake), **vars(changes))
        if isinstance(source, FileSource) and source.format is not None:
            keep_stream_format(connection, source.name, source.format, run_id=this.run_id, now=this.now)
            step.result = sync = replace(sync, format=FormatOfFile.of(source.format))
    return SyncSummary(sync, on_sync(sync))


@contextmanager
def _rows(
    connection: psycopg.Connection, source: FileSource | SourceTable, request: SyncRequest
) -> Iterator[RowSource]:
    if isinstance(source, FileSource):
        yield source
    else:
        with requested_rows(connection, source, request) as rows:
            yield rows


def features_to_backfill(connections: Connections) -> list[str]:
    """The features whose definition changed since their rows were written: until a backfill they differ."""
    with connect(connections.postgres, purpose="verify") as connection:
        return feature_versions.redefined_features(connection)


def compare(connections: Connections, *, online: bool = True, progress: Progress = silent) -> list[Comparison]:
    """Rule R3 on the live store (features/verify.py), under the run lock, so that nothing moves. Changes nothing."""
    with locked_store(connections, "verify") as connection:
        compared = list(verify_offline(connection, progress))
        connection.rollback()
        if online:
            with open_online_store(connections) as store:
                compared += verify_online(connection, store, progress)
        return compared
