"""The verb sync: load what is new into the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.follow_up import follow_up
from ingestion.cli.options import ClockAheadOption, Json, LateOption, MappingOption, Now, SourceOption, WithoutOption
from ingestion.cli.output import print_line
from ingestion.cli.progress_bar import progress_bar
from ingestion.cli.run_report import print_steps, run_document
from ingestion.cli.stores import begin, prepared_stores, source_opener
from ingestion.wording import counted

if TYPE_CHECKING:
    from ingestion.intake.request import SyncRequest
    from ingestion.runs.record import FinishedRun
    from ingestion.runs.summaries import SyncSummary
    from ingestion.sources.files.file_source import FileSource
    from ingestion.sources.table import SourceTable


def sync(
    source: SourceOption = None,
    mapping: MappingOption = None,
    full: Annotated[bool, typer.Option("--full", help="Read every row of the table again.")] = False,
    sport: Annotated[
        str | None,
        typer.Option("--sport", metavar="SPORT", help=r"Read bets on this sport only (\N: without a sport)."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="INSTANT", help="Read what changed at this instant or later.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="INSTANT", help="Read what changed before this instant.")
    ] = None,
    without: WithoutOption = None,
    late: LateOption = False,
    clock_ahead: ClockAheadOption = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Load what is new into the log. The next run computes its features.

    Of a table that is what changed since the last sync. A part (--sport, --since, --until) leaves that place where it
    is: the next sync reads what it would have read.
    """
    from feature_repo.clock import parse_instant
    from ingestion.intake.request import SyncRequest
    from ingestion.intake.streams import optional_columns
    from ingestion.pipeline import run_sync

    settings = begin(now)
    opener = source_opener(settings, source, mapping)
    request = SyncRequest(
        first_known_by=settings.known_at_column,
        overlap=settings.sources.overlap,
        user_column=settings.sources.user_column,
        is_full=full,
        sport=sport,
        since=parse_instant(since) if since else None,
        until=parse_instant(until) if until else None,
        without=optional_columns(without or ()),
        late=late,
    )
    _check_part(request)
    connections = prepared_stores(settings)
    with follow_up(settings, connections), progress_bar() as progress:
        opened = opener(progress)
        _check_source(opened, request)
        finished = run_sync(connections, opened, request, clock_ahead=clock_ahead, progress=progress)
    if json:
        print_json(run_document(finished))
        return
    print_steps(finished)
    print_line(_what_came(finished))


def _check_part(request: SyncRequest) -> None:
    """Raise ConfigurationError when the options ask for all of a table and a part of it, or for no instant."""
    from feature_repo.errors import ConfigurationError

    if request.is_full and request.is_partial:
        raise ConfigurationError(
            "--full reads everything, --sport, --since and --until a part", "Nothing was done", "Leave one of them out"
        )
    if request.since and request.until and request.since >= request.until:
        raise ConfigurationError("--since does not lie before --until", "Nothing was done", "Exchange them")


def _check_source(source: FileSource | SourceTable, request: SyncRequest) -> None:
    """Raise ConfigurationError when a file is asked for as only a table can be."""
    from feature_repo.errors import ConfigurationError
    from ingestion.sources.files.file_source import FileSource

    if isinstance(source, FileSource) and (request.is_full or request.is_partial):
        raise ConfigurationError(
            "--full, --sport, --since and --until are for tables: a file is always read whole",
            "Nothing was done",
            "Leave them out",
        )


def _what_came(finished: FinishedRun[SyncSummary]) -> str:
    counts = finished.summary.sync
    if not counts.accepted + counts.quarantined:
        read = "nothing new" if counts.rows_read else "no row of the source matches"
        return f"Sync {finished.short_id}: {read}."
    what = f"{counted(counts.accepted, 'bet version')} added, {counted(counts.quarantined, 'row')} quarantined."
    return f"Sync {finished.short_id}: {what}{' `pikkit run` publishes them.' if counts.accepted else ''}"
