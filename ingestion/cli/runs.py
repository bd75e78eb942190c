"""The verbs that move data: run, backfill, verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestion.cli.output import (
    Json,
    Now,
    print_json,
    print_line,
    print_refused,
    print_table,
    progress_bar,
    say,
    say_warning,
)
from ingestion.cli.stores import begin, load_feast, prepared_stores, source_opener, stores
from ingestion.wording import counted

if TYPE_CHECKING:
    from ingestion.gates.evidence import FlagCounts
    from ingestion.intake.counts import FormatOfFile, SyncCounts
    from ingestion.runs.record import Documented, FinishedRun
    from ingestion.runs.summaries import PipelineSummary, SyncSummary

SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="SOURCE",
        help="supabase, postgres, or a Parquet, JSON or CSV file; if one table is configured, that one.",
    ),
]


MappingOption = Annotated[
    Path | None,
    typer.Option("--mapping", metavar="FILE", help="What the columns of the file mean, in TOML (docs/formats.md)."),
]
OverrideOption = Annotated[
    str | None,
    typer.Option("--override-gate", metavar="REASON", help="Publish what the quality gate refuses, for this reason."),
]


WithoutOption = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="COLUMN", help="Accept that the source has lost this column. May be repeated."),
]

LateOption = Annotated[
    bool, typer.Option("--late", help="Take a new source though all of it is older than what was published.")
]


ClockAheadOption = Annotated[
    bool, typer.Option("--clock-ahead", help="Take the clock though it lies more than an hour past the database's.")
]


def run(
    source: SourceOption = None,
    mapping: MappingOption = None,
    without: WithoutOption = None,
    late: LateOption = False,
    override_gate: OverrideOption = None,
    clock_ahead: ClockAheadOption = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Load what is new, compute its features, publish them. The hourly job.

    What fails a quality gate is not published: exit 3, with the checks that failed. The rows stay, and the next good
    run publishes them.
    """
    from ingestion.intake.load import SyncRequest
    from ingestion.intake.streams import optional_columns
    from ingestion.pipeline import run_pipeline

    settings = begin(now)
    opener = source_opener(settings, source, mapping)
    request = SyncRequest(
        first_known_by=settings.known_at_column,
        overlap=settings.sources.overlap,
        without=optional_columns(without or ()),
        late=late,
    )
    gates = settings.gates()
    connections = prepared_stores(settings)
    with progress_bar() as progress:
        done = run_pipeline(
            connections,
            opener(progress),
            request,
            gates=gates,
            override=_reason(override_gate),
            clock_ahead=clock_ahead,
            progress=progress,
        )
    print_run(done, as_json=json)


def _reason(override: str | None) -> str | None:
    if override is None or override.strip():
        return override and override.strip()
    from ingestion.errors import ConfigurationError

    raise ConfigurationError(
        "--override-gate gives no reason", "Nothing was done", "Say why what the gate refuses may be published"
    )


def backfill(
    rewind: Annotated[
        bool,
        typer.Option(
            "--rewind",
            help="Take a store that was refreshed by a clock which ran ahead back to the present: what became known "
            "later than now is known from now on.",
        ),
    ] = False,
    override_gate: OverrideOption = None,
    clock_ahead: ClockAheadOption = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Replay the log and replace what comes out differently. For after a change of a feature's definition."""
    from ingestion.pipeline import run_backfill

    settings = begin(now)
    gates = settings.gates()
    with progress_bar() as progress:
        done = run_backfill(
            prepared_stores(settings, create=False),
            gates=gates,
            override=_reason(override_gate),
            rewound=rewind,
            clock_ahead=clock_ahead,
            progress=progress,
        )
    replaced = done.summary.replaced
    if json:
        print_json({"run_id": done.run_id, "views": replaced.document(), **done.summary.document()})
        return
    print_table(
        ["view", "removed", "written"], [(view, rows.removed, rows.written) for view, rows in replaced.views.items()]
    )
    for warning in done.summary.warnings:
        say_warning(warning)
    written = replaced.written
    print_line()
    if done.summary.versions_rewound is not None:
        print_line(
            f"The store is as of now again: {done.summary.versions_rewound:,} versions that had become known later "
            "are known from now on (ops.rewound_versions keeps when). An export is made anew by `pikkit export --full`."
        )
    print_line(
        f"Backfill {done.short_id}: {counted(written, 'change row')} replaced."
        if written
        else "Nothing came out differently."
    )


def verify(
    online: Annotated[bool, typer.Option(help="Compare the online store too.")] = True, json: Json = False
) -> None:
    """Replay the log and compare it with what is stored.

    Change rows, group state, and the values online. Exits 1 when anything differs.
    """
    from ingestion.pipeline import compare, redefined_features

    connections = stores(begin(), create=False)
    if online:
        load_feast()
    with progress_bar() as progress:
        compared = compare(connections, online=online, progress=progress)
    differences = sum(comparison.differences for comparison in compared)
    rows = [(c.name, c.rows, c.differences) for c in compared]
    if json:
        print_json(
            {
                "differences": differences,
                "compared": [dict(zip(("name", "rows", "differences"), r, strict=True)) for r in rows],
            }
        )
    else:
        print_table(["compared", "rows", "differences"], rows)
        print_line()
        looked_at = counted(sum(comparison.rows for comparison in compared), "row")
        print_line(f"{counted(differences, 'difference')} in {looked_at}. Nothing was changed.")
    if differences and (redefined := redefined_features(connections)):
        say(
            f"The definition of {', '.join(redefined)} changed since their rows were written, which explains "
            "differences. Run `pikkit backfill`, then verify again."
        )
        raise typer.Exit(1)
    if differences:
        say(
            "Offline differences are mended by `pikkit backfill`, online ones by `pikkit materialize --rebuild`. "
            "Unless somebody changed rows, or Redis, by hand, they mean a bug: report it."
        )
        raise typer.Exit(1)


def print_run(done: FinishedRun[PipelineSummary], *, as_json: bool) -> None:
    """A run's steps with rows and seconds, its warnings, and what it changed."""
    if as_json:
        print_json(run_document(done))
        return
    print_steps(done)
    print_line(_what_changed(done))


def print_steps(done: FinishedRun[SyncSummary]) -> None:
    """The steps of a run that begins with a sync, what was refused there, and the warnings."""
    print_table(
        ["step", "rows", "seconds", ""], [(step.name, *_told(step.result, step.seconds)) for step in done.steps]
    )
    sync = done.summary.sync
    if sync.reasons:
        print_line()
        print_refused(sync.reasons)
    for warning in done.summary.warnings:
        say_warning(warning)
    if sync.format:
        say(_read_as(sync.format))
    print_line()


def _read_as(format_: FormatOfFile) -> str:
    """What a file was taken for, and which columns of a bet were derived from its own."""
    by = "by the mapping" if format_.is_mapping else "as"
    unknown = f" Not in it, and null: {', '.join(format_.unknown)}." if format_.unknown else ""
    return f"The file was read {by} {format_.title}. Derived: {', '.join(format_.derived) or 'nothing'}.{unknown}"


def run_document(done: FinishedRun[Documented]) -> dict[str, Any]:
    """A run for machines."""
    steps = [{"step": step.name, "seconds": round(step.seconds, 3), "counts": step.document()} for step in done.steps]
    return {"run_id": done.run_id, "steps": steps, "counts": done.summary.document()}


def _told(result: Documented | None, seconds: float) -> tuple[int | None, float, str]:
    """Of a step: how many rows, how many seconds, and what it did in words."""
    from ingestion.features.refresh import RefreshCounts
    from ingestion.gates.evidence import FlagCounts
    from ingestion.gates.publication import GateOutcome
    from ingestion.intake.counts import SyncCounts
    from ingestion.serving.materialize import OnlineCopyCounts
    from quality.verdict import skipped

    match result:
        case SyncCounts():
            return result.rows_read, seconds, _intake(result)
        case FlagCounts():
            return result.rows, seconds, _flags(result)
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
        case OnlineCopyCounts():
            return result.total, seconds, "keys written online"
        case _:
            return None, seconds, ""


def _intake(sync: SyncCounts) -> str:
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


def _flags(counts: FlagCounts) -> str:
    kinds = (f"{sum(severities.values()):,} {kind}" for kind, severities in counts.kinds.items())
    return f"judged; {', '.join(kinds) or 'no'} flags"


def _what_changed(done: FinishedRun[PipelineSummary]) -> str:
    sync, change_rows = done.summary.sync, done.summary.refresh.total
    if not sync.accepted + sync.quarantined + change_rows:
        as_of = f"{done.summary.refreshed_at:%Y-%m-%dT%H:%M:%SZ}"
        return f"Run {done.short_id}: nothing new. The features were confirmed as of {as_of}."
    return (
        f"Run {done.short_id}: {counted(sync.accepted, 'bet version')} and {counted(change_rows, 'change row')} added, "
        f"{counted(sync.quarantined, 'row')} quarantined."
    )
