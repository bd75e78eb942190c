"""The verb reconcile: find what syncs miss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.follow_up import follow_up
from ingestion.cli.options import ClockAheadOption, Json, Now, WithoutOption
from ingestion.cli.output import print_line, say
from ingestion.cli.progress_bar import progress_bar
from ingestion.cli.run_report import print_steps, run_document
from ingestion.cli.stores import begin, prepared_stores
from ingestion.cli.tables import print_refused, print_table
from ingestion.wording import counted

if TYPE_CHECKING:
    from ingestion.intake.counts import ReconcileCounts
    from ingestion.runs.record import FinishedRun
    from ingestion.runs.summaries import ReconcileSummary

_STREAMS_NAMED: Final = 5
TableOption = Annotated[
    str | None, typer.Option("--source", metavar="TABLE", help="supabase or postgres; if one is configured, that one.")
]


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
    from ingestion.intake.request import SyncRequest
    from ingestion.intake.streams import optional_columns
    from ingestion.pipeline import run_reconcile
    from ingestion.sources.source_choice import chosen_table

    settings = begin(now)
    opener = chosen_table(source, settings.sources)
    request = SyncRequest(
        first_known_by=settings.known_at_column,
        overlap=settings.sources.overlap,
        user_column=settings.sources.user_column,
        without=optional_columns(without or ()),
    )
    connections = prepared_stores(settings, create=False)
    with follow_up(settings, connections), progress_bar() as progress:
        finished = run_reconcile(
            connections,
            opener(progress),
            request,
            most_deletes=most_deletes,
            include_streams=include_stream or (),
            clock_ahead=clock_ahead,
            progress=progress,
        )
    if json:
        print_json(run_document(finished))
        return
    print_steps(finished)
    _print_differences(finished.summary.reconciled)
    print_line(_what_differed(finished))


def _print_differences(differences: ReconcileCounts) -> None:
    """What the comparison found, as a table; why rows were refused; how many bets of other streams were left."""
    print_table(
        ["compared", "number"],
        [
            ("days", differences.days),
            ("days that differed", differences.differing),
            ("versions that were missed, or written under an old stamp", differences.missed),
            ("such rows that were refused", differences.quarantined),
            ("bets that vanished", differences.deleted),
        ],
    )
    if differences.reasons:
        print_line()
        print_refused(differences.reasons)
    print_line()
    if differences.of_other_streams:
        by_stream = [f"{bets:,} of {stream}" for stream, bets in differences.of_other_streams.items()]
        bets = ", ".join(by_stream[:_STREAMS_NAMED])
        if len(by_stream) > _STREAMS_NAMED:
            bets += f", and others of {len(by_stream) - _STREAMS_NAMED:,} more streams (--json has them all)"
        say(
            f"Bets of other streams, which this table does not show, were left: {bets}. If this table took over a "
            "stream (it was renamed, or was loaded from that file): --include-stream NAME."
        )


def _what_differed(finished: FinishedRun[ReconcileSummary]) -> str:
    differences = finished.summary.reconciled
    if not differences.missed + differences.quarantined + differences.deleted:
        return f"Reconciliation {finished.short_id}: no row was missed or rewritten, and no bet vanished."
    added, refused = counted(differences.missed, "version"), counted(differences.quarantined, "row")
    what = f"{added} added, {refused} quarantined, {counted(differences.deleted, 'bet')} deleted."
    publishes = " `pikkit run` publishes them." if differences.missed + differences.deleted else ""
    return f"Reconciliation {finished.short_id}: {what}{publishes}"
