"""The verb demo: the whole main job on a synthetic sample, printed step by step."""

from __future__ import annotations

import json as jsonlib
import os
import shlex
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from feature_repo.bets.frame import NEEDED
from ingestion.cli.documents import print_json
from ingestion.cli.numbered_steps import Story
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, say_warning
from ingestion.cli.progress_bar import progress_bar
from ingestion.cli.run_report import run_document
from ingestion.cli.serve.vectors import print_vectors, scored_document
from ingestion.cli.stores import begin, load_feast, stores
from ingestion.cli.tables import decimals, print_table
from ingestion.wording import counted, span

if TYPE_CHECKING:
    import pandas as pd

    from feature_repo.servers.connections import Connections
    from ingestion.database.apply import ApplyResult
    from ingestion.runs.record import FinishedRun
    from ingestion.runs.summaries import PipelineSummary
    from ingestion.serving.score import Scored
    from ingestion.settings import Settings
    from ingestion.sources.files.file_source import FileSource
    from quality.gates import Gates

_TRAINING_BETS = 5
# With fewer, so many groups have no bet with a closing line that the gate feature_completeness refuses some samples.
SMALLEST_DEMO: Final = 2_000
# Of a training frame, what fits a terminal: one feature of each kind.
_SHOWN = ("bet_id", "event_timestamp", "sport_win_rate", "sport_market_roi", "recent_win_rate", "profit")


def demo(
    bets: Annotated[int, typer.Option(min=SMALLEST_DEMO, help="How many bets a sample that is made now has.")] = 27_000,
    json: Json = False,
) -> None:
    """Do the whole job on a synthetic sample, step by step.

    Starts servers, makes a sample, loads it, computes and publishes features, and shows a training frame and an online
    vector. Works in PIKKIT_HOME, on the embedded servers only. A second demo finds the first one's sample.
    """
    from ingestion.report.written_report import report_after_run

    settings = begin()
    gates = settings.gates()
    story = Story(quiet=json)
    connections = _servers(story, settings)
    source = _sample(story, settings, bets)
    applied = _declare(story, connections)
    with report_after_run(settings.report, connections, say_warning):
        run = _run(story, connections, source, gates)
    frame = _train(story, connections)
    bet, scored = _score(story, connections)
    if json:
        print_json(_demo_document(story, source, applied, run, frame, scored))
    else:
        _print_seconds(story, run)
        _print_end(settings, run, bet)


def _servers(story: Story, settings: Settings) -> Connections:
    from ingestion.database.access import connect
    from ingestion.demo import check_demo_settings, check_store

    check_demo_settings(settings)
    with story.step("Servers", "a private Postgres and Redis"):
        connections = stores(settings)
        with connect(connections.postgres, purpose="demo") as connection:
            check_store(connection, settings.home)
        story.line(f"Both run under {settings.home}.")
    return connections


def _sample(story: Story, settings: Settings, bets: int) -> FileSource:
    from feature_repo import clock
    from ingestion.demo import demo_source

    with story.step("Sample", "synthetic bets, as a source would send them"):
        source, is_new = demo_source(settings.home, bets, clock.now())
        story.line(
            f"{counted(source.row_count, 'version')} of bets {'written to' if is_new else 'found in'} {source.path}"
        )
    return source


def _declare(story: Story, connections: Connections) -> ApplyResult:
    from ingestion.database.access import connect, hold_run_lock
    from ingestion.database.apply import apply_declarations
    from ingestion.database.migrate import apply_migrations, create_registry

    with story.step("Feast", "its import, which every process pays once"):
        load_feast()
    with story.step("Migrate", "the store's tables"):
        with connect(connections.postgres, purpose="demo") as connection:
            migrated = apply_migrations(connection)
        registry = create_registry(connections.postgres)
        story.line(
            f"{len(migrated)} migrations applied{', the tables of the registry made' if registry else ''}."
            if migrated or registry
            else "Nothing to do."
        )
    with story.step("Apply", "feature_repo/ to Feast's registry"):
        with connect(connections.postgres, purpose="demo") as connection, hold_run_lock(connection, "apply"):
            applied = apply_declarations(connections)
        changed = len(applied.created) + len(applied.updated) + len(applied.deleted)
        story.line(f"{changed} objects changed, {applied.unchanged} unchanged.")
    return applied


def _run(story: Story, connections: Connections, source: FileSource, gates: Gates) -> FinishedRun[PipelineSummary]:
    from ingestion.monitoring.observed_run import observed_run
    from ingestion.monitoring.settings import MonitoringSettings
    from ingestion.pipeline import run_pipeline
    from quality.gates import skipped

    with story.step("Run", "load what is new, compute the features, publish them"):
        # Nobody is told of a demo; it has metrics as every run has.
        with observed_run(connections, MonitoringSettings(), say_warning), progress_bar() as progress:
            # The sample ends on a day of its own, whatever today is.
            run = run_pipeline(connections, source, gates=gates, clock_ahead=True, progress=progress)
        sync, flags, tally = run.summary.sync, run.summary.flags, run.summary.gates.tally
        story.line(
            f"{sync.rows_read:,} rows read: {sync.accepted:,} accepted, {sync.quarantined:,} quarantined, "
            f"{sync.seen_before:,} seen before."
        )
        story.line(
            f"{flags.rows:,} rows judged, {flags.flags:,} flags; the quality gate {run.summary.gates.state} them: "
            f"{tally.judged} checks judged, {tally.failed} failed, {tally.warned} warned"
            f"{'; ' + skipped(tally.not_judged) if tally.not_judged else ''}."
        )
        story.table(
            ["view", "change rows", "keys written"],
            [
                (view, run.summary.refresh.change_rows.get(view, 0), keys)
                for view, keys in run.summary.online.keys_written.items()
            ],
        )
    return run


def _train(story: Story, connections: Connections) -> pd.DataFrame:
    from ingestion.database.access import connect
    from ingestion.demo import TRAINING_SERVICE, newest_bets, training_frame

    with story.step("Train", f"a frame from get_historical_features, {TRAINING_SERVICE}"):
        with connect(connections.postgres, purpose="demo") as connection:
            bets = newest_bets(connection, settled=True, bets=_TRAINING_BETS)
        frame = training_frame(connections, bets)
        rows, columns = frame.shape
        story.table(_SHOWN, list(zip(*(_column(frame[name]) for name in _SHOWN), strict=True)))
        story.line(f"{rows} rows by {columns} columns, {len(_SHOWN)} of them shown.")
    return frame


def _score(story: Story, connections: Connections) -> tuple[dict[str, Any], Scored]:
    from feature_repo import clock
    from ingestion.database.access import connect
    from ingestion.demo import newest_bets
    from ingestion.serving.score import DEFAULT_SERVICE, score_bets

    with story.step("Score", f"a vector from get_online_features, {DEFAULT_SERVICE}"):
        with connect(connections.postgres, purpose="demo") as connection:
            (bet,) = newest_bets(connection, settled=False, bets=1) or newest_bets(connection, settled=True, bets=1)
        scored = score_bets(connections, [bet], now=clock.now())
        if not story.quiet:
            print_vectors(scored)
        ages = [view.age for view in scored.vectors[0].views if view.age is not None]
        oldest = f"; no view is older than {span(max(ages))}" if ages else ""
        story.line(f"{len(scored.feature_views)} features of the open bet {bet['id']}{oldest}.")
    return bet, scored


def _column(values: pd.Series[Any]) -> list[Any]:
    """The cells of a frame's column for print_table: floats aligned at the point, missing values as null."""
    cells = [None if missing else value for value, missing in zip(values.tolist(), values.isna(), strict=True)]
    return decimals(cells) if values.dtype.kind == "f" else cells


def _print_seconds(story: Story, run: FinishedRun[PipelineSummary]) -> None:
    rows = [(name, seconds) for name, seconds in story.seconds.items()]
    parts = [(f"  {step.name}", step.seconds) for step in run.steps]
    after_run = next(position for position, (name, _) in enumerate(rows, start=1) if name == "Run")
    print_line("\nWhere the time went")
    print_table(
        ["step", "seconds"], [*rows[:after_run], *parts, *rows[after_run:], ("total", sum(story.seconds.values()))]
    )


def _print_end(settings: Settings, run: FinishedRun[PipelineSummary], bet: dict[str, Any]) -> None:
    sync, written = run.summary.sync, run.summary.refresh.total
    print_line()
    if sync.accepted or sync.quarantined or written:
        versions, change_rows = counted(sync.accepted, "bet version"), counted(written, "change row")
        print_line(f"{versions} and {change_rows} were added.")
    else:
        as_of = f"{run.summary.features_watermark:%Y-%m-%dT%H:%M:%SZ}"
        print_line(f"Nothing changed: the store already held all of it, and confirmed its features as of {as_of}.")
    print_line("\nTry next")
    for command in _next_commands(settings, bet):
        print_line(f"  {command}")


def _next_commands(settings: Settings, bet: dict[str, Any]) -> list[str]:
    """Commands to copy into a shell; one of them scores `bet`, a row of `newest_bets`."""
    activate = Path(sys.argv[0]).parent / "activate"
    on_path = shutil.which("pikkit") is not None or not activate.exists()
    columns = {name: bet[name] for name in NEEDED if name != "time_placed"}
    return [
        *([] if on_path else [f". {shlex.quote(os.path.relpath(activate))}"]),
        *([f"export PIKKIT_HOME={shlex.quote(str(settings.home))}"] if "PIKKIT_HOME" in os.environ else []),
        "pikkit status",
        "pikkit gate",
        "pikkit verify",
        f"pikkit score --bet {shlex.quote(jsonlib.dumps(columns))}",
        "pikkit features",
        'eval "$(pikkit env)" && feast feature-views list',
        "pikkit down",
    ]


def _demo_document(
    story: Story,
    source: FileSource,
    applied: ApplyResult,
    run: FinishedRun[PipelineSummary],
    frame: pd.DataFrame,
    scored: Scored,
) -> dict[str, Any]:
    return {
        "sample": {"file": str(source.path), "rows": source.row_count},
        "applied": asdict(applied),
        "run": run_document(run),
        "training_frame": {
            "shape": frame.shape,
            "rows": jsonlib.loads(frame.to_json(orient="records", date_format="iso")),
        },
        "online_vector": scored_document(scored),
        "seconds": {name: round(seconds, 3) for name, seconds in story.seconds.items()},
    }
