"""The verb backfill: replay the log and replace what comes out differently."""

from __future__ import annotations

from typing import Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.follow_up import follow_up
from ingestion.cli.options import ClockAheadOption, Json, Now, OverrideOption, override_reason
from ingestion.cli.output import print_line, say_warning
from ingestion.cli.progress_bar import progress_bar
from ingestion.cli.stores import begin, prepared_stores
from ingestion.cli.tables import print_table
from ingestion.wording import counted


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
    connections = prepared_stores(settings, create=False)
    with follow_up(settings, connections), progress_bar() as progress:
        finished = run_backfill(
            connections,
            gates=gates,
            override=override_reason(override_gate),
            rewound=rewind,
            clock_ahead=clock_ahead,
            progress=progress,
        )
    replaced = finished.summary.replaced
    if json:
        print_json({"run_id": finished.run_id, "views": replaced.document(), **finished.summary.document()})
        return
    rows = [(view, rows.removed, rows.written) for view, rows in replaced.views.items()]
    print_table(["view", "removed", "written"], rows)
    for warning in finished.summary.warnings:
        say_warning(warning)
    print_line()
    if finished.summary.versions_rewound is not None:
        print_line(
            f"The store is as of now again: {finished.summary.versions_rewound:,} versions that had become known later "
            "are known from now on (ops.rewound_versions keeps when). An export is made anew by `pikkit export --full`."
        )
    print_line(
        f"Backfill {finished.short_id}: {counted(replaced.written, 'change row')} replaced."
        if replaced.written
        else "Nothing came out differently."
    )
