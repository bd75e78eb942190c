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
    from ingestion.runs.record import Run

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
    from feature_repo.errors import ConfigurationError

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
    replaced = next((step.counts for step in done.steps if step.name == "replay"), {})
    if json:
        print_json({"run_id": done.run_id, "views": replaced, **done.counts})
        return
    print_table(["view", "removed", "written"], [(view, n["removed"], n["written"]) for view, n in replaced.items()])
    for warning in done.counts["warnings"]:
        say_warning(warning)
    written = sum(n["written"] for n in replaced.values())
    print_line()
    if rewind:
        print_line(
            f"The store is as of now again: {done.counts['versions_rewound']:,} versions that had become known later "
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


def print_run(done: Run, *, as_json: bool) -> None:
    """A run's steps with rows and seconds, its warnings, and what it changed."""
    if as_json:
        print_json(run_document(done))
        return
    print_steps(done)
    print_line(_what_changed(done))


def print_steps(done: Run) -> None:
    """The steps of a run that begins with a sync, what was refused there, and the warnings."""
    print_table(["step", "rows", "seconds", ""], [(s.name, *_told(s.name, s.counts, s.seconds)) for s in done.steps])
    sync = done.steps[0].counts
    if sync["reasons"]:
        print_line()
        print_refused(sync["reasons"])
    for warning in done.counts["warnings"]:
        say_warning(warning)
    if sync.get("format"):
        say(_read_as(sync["format"]))
    print_line()


def _read_as(format_: dict[str, Any]) -> str:
    """What a file was taken for, and which columns of a bet were derived from its own."""
    by = "by the mapping" if format_["is_mapping"] else "as"
    unknown = f" Not in it, and null: {', '.join(format_['unknown'])}." if format_["unknown"] else ""
    return f"The file was read {by} {format_['title']}. Derived: {', '.join(format_['derived']) or 'nothing'}.{unknown}"


def run_document(done: Run) -> dict[str, Any]:
    """A run for machines."""
    steps = [{"step": step.name, "seconds": round(step.seconds, 3), "counts": step.counts} for step in done.steps]
    return {"run_id": done.run_id, "steps": steps, "counts": done.counts}


def _told(step: str, counts: dict[str, Any], seconds: float) -> tuple[int | None, float, str]:
    if step == "sync":
        parts = [
            f"{counts[name]:,} {name.replace('_', ' ')}"
            for name in (
                "accepted",
                "deleted",
                "quarantined",
                "late",
                "returned",
                "seen_before",
                "copies",
                "superseded",
            )
        ]
        return counts["rows_read"], seconds, ", ".join(part for part in parts if not part.startswith("0 "))
    if step == "anomalies":
        return counts["rows"], seconds, _flags(counts)
    if step == "features":
        return sum(counts.values()), seconds, "change rows"
    if step == "gates":
        from quality.verdict import skipped

        parts = [f"{counts[state]} {state}" for state in ("failed", "warned") if counts[state]]
        if counts["not_judged"]:
            parts.append(skipped(counts["not_judged_because"]))
        return counts["judged"], seconds, "; ".join([f"checks judged: {counts['state']}", *parts])
    if step == "materialize":
        return sum(counts.values()), seconds, "keys written online"
    return None, seconds, ""


def _flags(counts: dict[str, Any]) -> str:
    kinds = (f"{sum(found.values()):,} {kind}" for kind, found in counts["kinds"].items())
    return f"judged; {', '.join(kinds) or 'no'} flags"


def _what_changed(done: Run) -> str:
    counts = done.counts
    new = counts["accepted"] + counts["quarantined"] + counts["change_rows"]
    if not new:
        return f"Run {done.short_id}: nothing new. The features were confirmed as of {counts['refreshed_at']}."
    return (
        f"Run {done.short_id}: {counted(counts['accepted'], 'bet version')} and "
        f"{counted(counts['change_rows'], 'change row')} added, {counted(counts['quarantined'], 'row')} quarantined."
    )
