"""A run as its verbs print it: the steps with their counts, what was refused, the warnings; and the same as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingestion.cli.output import print_line, say, say_warning
from ingestion.cli.tables import print_refused, print_table

if TYPE_CHECKING:
    from ingestion.gates.evidence import FlagCounts
    from ingestion.intake.counts import FormatOfFile, SyncCounts
    from ingestion.runs.record import Documented, FinishedRun
    from ingestion.runs.summaries import SyncSummary


def print_steps(run: FinishedRun[SyncSummary]) -> None:
    """The steps of a run that begins with a sync, what was refused there, and the warnings."""
    print_table(
        ["step", "rows", "seconds", ""],
        [(step.name, *_step_cells(step.result, step.seconds)) for step in run.steps],
        wrap=True,
    )
    sync = run.summary.sync
    if sync.reasons:
        print_line()
        print_refused(sync.reasons)
    for warning in run.summary.warnings:
        say_warning(warning)
    if sync.format:
        say(_format_sentence(sync.format))
    print_line()


def _format_sentence(format_: FormatOfFile) -> str:
    """What a file was taken for, and which columns of a bet were derived from its own."""
    by = "by the mapping" if format_.is_mapping else "as"
    unknown = f" Not in it, and null: {', '.join(format_.unknown)}." if format_.unknown else ""
    return f"The file was read {by} {format_.title}. Derived: {', '.join(format_.derived) or 'nothing'}.{unknown}"


def run_document(run: FinishedRun[Documented]) -> dict[str, Any]:
    """A run as a JSON object: run_id, the steps with seconds and counts, and the counts of the run."""
    steps = [{"step": step.name, "seconds": round(step.seconds, 3), "counts": step.document()} for step in run.steps]
    return {"run_id": run.run_id, "steps": steps, "counts": run.summary.document()}


def _step_cells(result: Documented | None, seconds: float) -> tuple[int | None, float, str]:
    """The cells of a step's row after its name: rows (null where it has none), seconds, and what it did in words."""
    from ingestion.features.refresh import RefreshCounts
    from ingestion.gates.evidence import FlagCounts
    from ingestion.gates.publication import GateOutcome
    from ingestion.intake.counts import SyncCounts
    from ingestion.lineage.run_lineage import LineageCounts
    from ingestion.serving.materialize import OnlineCopyCounts
    from quality.verdict import skipped

    match result:
        case SyncCounts():
            return result.rows_read, seconds, _intake_sentence(result)
        case FlagCounts():
            return result.rows, seconds, _flags_sentence(result)
        case RefreshCounts():
            return result.total, seconds, "change rows"
        case GateOutcome():
            tally = result.tally
            parts = [
                f"{number} {state}" for state, number in (("failed", tally.failed), ("warned", tally.warned)) if number
            ]
            if tally.not_judged:
                parts.append(skipped(tally.not_judged))
            return tally.judged, seconds, "; ".join([f"checks judged: {result.state}", *parts])
        case LineageCounts():
            return result.events, seconds, "lineage events"
        case OnlineCopyCounts():
            return result.total, seconds, "keys written online"
        case _:
            return None, seconds, ""


def _intake_sentence(sync: SyncCounts) -> str:
    numbers = {
        "accepted": sync.accepted,
        "deleted": sync.deleted,
        "quarantined": sync.quarantined,
        "late": sync.late,
        "returned": sync.returned,
        "seen before": sync.seen_before,
        "copies": sync.copies,
        "superseded": sync.superseded,
    }
    return ", ".join(f"{number:,} {name}" for name, number in numbers.items() if number)


def _flags_sentence(counts: FlagCounts) -> str:
    kinds = (f"{sum(severities.values()):,} {kind}" for kind, severities in counts.kinds.items())
    return f"judged; {', '.join(kinds) or 'no'} flags"
