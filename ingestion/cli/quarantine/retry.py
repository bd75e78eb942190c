"""The verb quarantine retry: open rows judged again by the schema of today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.cli.documents import print_json
from ingestion.cli.follow_up import follow_up
from ingestion.cli.options import ClockAheadOption, Json, Now
from ingestion.cli.output import print_line
from ingestion.cli.progress_bar import progress_bar
from ingestion.cli.quarantine.selection import (
    All,
    BetId,
    Reason,
    RefusedSourceOption,
    Seqs,
    Since,
    Until,
    check_narrowed,
    refused_row_selection,
)
from ingestion.cli.stores import begin, prepared_stores
from ingestion.cli.tables import print_table
from ingestion.wording import counted, plain

if TYPE_CHECKING:
    from ingestion.quarantine.retry import RetrySummary
    from ingestion.runs.record import FinishedRun


def retry(
    seq: Seqs = None,
    reason: Reason = None,
    bet_id: BetId = None,
    source: RefusedSourceOption = None,
    since: Since = None,
    until: Until = None,
    everything: All = False,
    clock_ahead: ClockAheadOption = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Judge open rows again by the schema of today. Sound ones enter the log.

    They count from now on. For after a fix of the schema, or of the clock.
    """
    from ingestion.quarantine.retry import retry_quarantined

    settings = begin(now)
    selection = refused_row_selection(seq, reason, bet_id, source, since, until)
    check_narrowed(selection, everything=everything)
    connections = prepared_stores(settings, create=False)
    with follow_up(settings, connections), progress_bar() as progress:
        finished = retry_quarantined(connections, selection, clock_ahead=clock_ahead, progress=progress)
    counts = finished.summary
    if json:
        print_json({"run_id": finished.run_id} | counts.document())
        return
    if counts.reasons:
        print_table(["still refused for", "rows"], [(plain(text), rows) for text, rows in counts.reasons.items()])
        print_line()
    print_line(_retried(finished))


def _retried(finished: FinishedRun[RetrySummary]) -> str:
    counts = finished.summary
    if not counts.selected:
        return "No open row is meant by that. Nothing was changed."
    refused = f"{counted(counts.refused, 'row')} still refused"
    if not counts.accepted:
        return f"Retry {finished.short_id}: {refused}. The log was not changed."
    older = f" ({counts.superseded:,} of them older than what is known of their bet)" if counts.superseded else ""
    return (
        f"Retry {finished.short_id}: {counted(counts.accepted, 'row')} accepted as "
        f"{counted(counts.versions, 'new bet version')}{older}"
        f", {refused}. `pikkit run` publishes them."
    )
