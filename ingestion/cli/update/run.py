"""The verb run: load what is new, compute its features, publish them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingestion.cli.documents import print_json
from ingestion.cli.follow_up import follow_up
from ingestion.cli.options import (
    ClockAheadOption,
    Json,
    LateOption,
    MappingOption,
    Now,
    OverrideOption,
    PingOption,
    SourceOption,
    WithoutOption,
    override_reason,
)
from ingestion.cli.output import print_line, say_warning
from ingestion.cli.progress_bar import progress_bar
from ingestion.cli.run_report import print_steps, run_document
from ingestion.cli.stores import begin, prepared_stores, source_opener
from ingestion.wording import counted

if TYPE_CHECKING:
    from ingestion.runs.record import FinishedRun
    from ingestion.runs.summaries import PipelineSummary
    from ingestion.settings import Settings
    from ingestion.sources.source_choice import Opener


def run(
    source: SourceOption = None,
    mapping: MappingOption = None,
    without: WithoutOption = None,
    late: LateOption = False,
    override_gate: OverrideOption = None,
    clock_ahead: ClockAheadOption = False,
    ping: PingOption = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Load what is new, compute its features, publish them. The hourly job.

    What fails a quality gate is not published: exit 3, with the checks that failed. The rows stay, and the next good
    run publishes them.
    """
    from ingestion.monitoring.sign_of_life import pinged

    with pinged(ping, say_warning):
        settings = begin(now)
        opener = source_opener(settings, source, mapping)
        finished = _run(
            settings, opener, without or (), override_reason(override_gate), late=late, clock_ahead=clock_ahead
        )
    print_run(finished, as_json=json)


def _run(
    settings: Settings,
    opener: Opener,
    without: Sequence[str],
    override: str | None,
    *,
    late: bool,
    clock_ahead: bool,
) -> FinishedRun[PipelineSummary]:
    from ingestion.intake.request import SyncRequest
    from ingestion.intake.streams import optional_columns
    from ingestion.pipeline import run_pipeline

    request = SyncRequest(
        first_known_by=settings.known_at_column,
        overlap=settings.sources.overlap,
        user_column=settings.sources.user_column,
        without=optional_columns(without),
        late=late,
    )
    gates = settings.gates()
    connections = prepared_stores(settings)
    with follow_up(settings, connections), progress_bar() as progress:
        return run_pipeline(
            connections,
            opener(progress),
            request,
            gates=gates,
            override=override,
            clock_ahead=clock_ahead,
            progress=progress,
        )


def print_run(finished: FinishedRun[PipelineSummary], *, as_json: bool) -> None:
    """A run's steps with rows and seconds, its warnings, and what it changed."""
    if as_json:
        print_json(run_document(finished))
        return
    print_steps(finished)
    print_line(_what_changed(finished))


def _what_changed(finished: FinishedRun[PipelineSummary]) -> str:
    sync, change_rows = finished.summary.sync, finished.summary.refresh.total
    if not sync.accepted + sync.quarantined + change_rows:
        as_of = f"{finished.summary.features_watermark:%Y-%m-%dT%H:%M:%SZ}"
        return f"Run {finished.short_id}: nothing new. The features were confirmed as of {as_of}."
    return (
        f"Run {finished.short_id}: {counted(sync.accepted, 'bet version')} and "
        f"{counted(change_rows, 'change row')} added, {counted(sync.quarantined, 'row')} quarantined."
    )
