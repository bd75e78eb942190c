"""The verbs that read a source: sync, reconcile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from ingestion.cli.output import Json, Now, print_json, print_line, print_refused, print_table, progress_bar, say
from ingestion.cli.runs import (
    ClockAheadOption,
    LateOption,
    MappingOption,
    SourceOption,
    WithoutOption,
    print_steps,
    run_document,
)
from ingestion.cli.stores import begin, prepared_stores, source_opener
from ingestion.wording import counted

if TYPE_CHECKING:
    from ingestion.runs.record import FinishedRun
    from ingestion.runs.summaries import ReconcileSummary, SyncSummary

_STREAMS_NAMED: Final = 5

TableOption = Annotated[
    str | None, typer.Option("--source", metavar="TABLE", help="supabase or postgres; if one is configured, that one.")
]


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
    from ingestion.clock import parse_instant
    from ingestion.errors import ConfigurationError
    from ingestion.intake.load import SyncRequest
    from ingestion.intake.streams import optional_columns
    from ingestion.pipeline import run_sync
    from ingestion.sources.files.file_source import FileSource

    settings = begin(now)
    opener = source_opener(settings, source, mapping)
    request = SyncRequest(
        first_known_by=settings.known_at_column,
        overlap=settings.sources.overlap,
        is_full=full,
        sport=sport,
        since=parse_instant(since) if since else None,
        until=parse_instant(until) if until else None,
        without=optional_columns(without or ()),
        late=late,
    )
    if full and request.is_partial:
        raise ConfigurationError(
            "--full reads everything, --sport, --since and --until a part", "Nothing was done", "Leave one of them out"
        )
    if request.since and request.until and request.since >= request.until:
        raise ConfigurationError("--since does not lie before --until", "Nothing was done", "Exchange them")
    connections = prepared_stores(settings)
    with progress_bar() as progress:
        opened = opener(progress)
        if isinstance(opened, FileSource) and (full or request.is_partial):
            raise ConfigurationError(
                "--full, --sport, --since and --until are for tables: a file is always read whole",
                "Nothing was done",
                "Leave them out",
            )
        done = run_sync(connections, opened, request, clock_ahead=clock_ahead, progress=progress)
    if json:
        print_json(run_document(done))
        return
    print_steps(done)
    print_line(_what_came(done))


def reconcile(
    source: TableOption = None,
    most_deletes: Annotated[
        int | None,
        typer.Option("--most-deletes", min=0, help="How many vanished bets to believe. Default: 1 %, at least 100."),
    ] = None,
    include_stream: Annotated[
        list[str] | None,
        typer.Option(
            "--include-stream",
            metavar="NAME",
            help="This table took over the bets of that stream too (a renamed table; 'file:*'). May be repeated.",
        ),
    ] = None,
    without: WithoutOption = None,
    clock_ahead: ClockAheadOption = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Find what syncs miss: deletes, late and rewritten rows.

    Syncs first. Then both sides are compared by a digest per day; only days that differ are looked into. Bets that
    another stream brought, and that this table does not show, are left.
    """
    from ingestion.intake.load import SyncRequest
    from ingestion.intake.streams import optional_columns
    from ingestion.pipeline import run_reconcile
    from ingestion.sources.source_choice import chosen_table

    settings = begin(now)
    opener = chosen_table(source, settings.sources)
    request = SyncRequest(
        first_known_by=settings.known_at_column,
        overlap=settings.sources.overlap,
        without=optional_columns(without or ()),
    )
    connections = prepared_stores(settings, create=False)
    with progress_bar() as progress:
        done = run_reconcile(
            connections,
            opener(progress),
            request,
            most_deletes=most_deletes,
            include_streams=include_stream or (),
            clock_ahead=clock_ahead,
            progress=progress,
        )
    if json:
        print_json(run_document(done))
        return
    print_steps(done)
    found = done.summary.reconciled
    print_table(
        ["compared", "number"],
        [
            ("days", found.days),
            ("days that differed", found.differing),
            ("versions that were missed, or written under an old stamp", found.missed),
            ("such rows that were refused", found.quarantined),
            ("bets that vanished", found.deleted),
        ],
    )
    if found.reasons:
        print_line()
        print_refused(found.reasons)
    print_line()
    if found.of_other_streams:
        counted = [f"{bets:,} of {stream}" for stream, bets in found.of_other_streams.items()]
        bets = ", ".join(counted[:_STREAMS_NAMED])
        if len(counted) > _STREAMS_NAMED:
            bets += f", and others of {len(counted) - _STREAMS_NAMED:,} more streams (--json has them all)"
        say(
            f"Bets of other streams, which this table does not show, were left: {bets}. If this table took over a "
            "stream (it was renamed, or was loaded from that file): --include-stream NAME."
        )
    print_line(_what_differed(done))


def _what_differed(done: FinishedRun[ReconcileSummary]) -> str:
    found = done.summary.reconciled
    if not found.missed + found.quarantined + found.deleted:
        return f"Reconciliation {done.short_id}: no row was missed or rewritten, and no bet vanished."
    added, refused = counted(found.missed, "version"), counted(found.quarantined, "row")
    what = f"{added} added, {refused} quarantined, {counted(found.deleted, 'bet')} deleted."
    publishes = " `pikkit run` publishes them." if found.missed + found.deleted else ""
    return f"Reconciliation {done.short_id}: {what}{publishes}"


def _what_came(done: FinishedRun[SyncSummary]) -> str:
    counts = done.summary.sync
    if not counts.accepted + counts.quarantined:
        read = "nothing new" if counts.rows_read else "no row of the source matches"
        return f"Sync {done.short_id}: {read}."
    what = f"{counted(counts.accepted, 'bet version')} added, {counted(counts.quarantined, 'row')} quarantined."
    return f"Sync {done.short_id}: {what}{' `pikkit run` publishes them.' if counts.accepted else ''}"
