"""The verb runs: the last runs, or all that is known of one."""

from __future__ import annotations

import json as jsonlib
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, print_wrapped
from ingestion.cli.stores import begin, stores
from ingestion.cli.tables import print_table
from ingestion.wording import counted, first_line

if TYPE_CHECKING:
    from uuid import UUID

    from ingestion.runs.history import PastRun


def runs(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="All of this run, by its id or the beginning of it.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, the newest first.")] = 20,
    json: Json = False,
) -> None:
    """Show the last runs: what they did, and how they ended.

    One line each; of RUN all that is known. --json has steps, counts and errors of all.
    """
    from ingestion.database.read_only import read_only_store
    from ingestion.runs.history import last_runs
    from ingestion.runs.run_ids import find_run, short_run_ids

    connections = stores(begin(), create=False)
    with read_only_store(connections.postgres, purpose="runs") as connection:
        run_id = find_run(connection, run) if run else None
        records = last_runs(connection, limit, run_id)
        short = short_run_ids(connection, [record.run_id for record in records])
    if json:
        from dataclasses import asdict

        print_json({"runs": [asdict(record) for record in records]})
    elif run_id is not None:
        _print_run(records[0])
    else:
        _print_runs(records, short)


def _print_runs(records: list[PastRun], short: dict[UUID, str]) -> None:
    print_table(
        ["run", "verb", "state", "started", "seconds", "source", ""],
        [
            (
                short[run.run_id],
                run.verb,
                _state(run),
                run.started_at,
                run.seconds,
                run.source or "-",
                _remark(run),
            )
            for run in records
        ],
        cut=True,
    )
    print_line()
    summary = f"{counted(len(records), 'run')}, the newest first. `pikkit runs RUN` shows one whole."
    print_line(summary if records else "Nothing ran yet. Run `pikkit run`.")


def _print_run(run: PastRun) -> None:
    from ingestion.runs.actor import by_actor

    facts = [(name, getattr(run, name)) for name in ("run_id", "verb", "source", "now", "started_at", "finished_at")]
    facts += [("seconds", run.seconds), ("state", run.state), ("exit_code", run.exit_code)]
    gate = f"overridden{by_actor(run.overridden_by)}" if run.gate == "overridden" else run.gate
    facts += [("gate", gate), ("reason", run.reason), ("code_version", run.code_version)]
    # As text, so that a number stands beside its name.
    cells = [(name.replace("_", " "), value if isinstance(value, datetime) else str(value)) for name, value in facts]
    print_table(["", ""], [fact for fact, (_, value) in zip(cells, facts, strict=True) if value is not None])
    if run.steps:
        print_line()
        rows = [(step.step, step.seconds, jsonlib.dumps(step.counts)) for step in run.steps]
        print_table(["step", "seconds", "counts"], rows, wrap=True)
    for warning in run.warnings:
        print_line()
        print_wrapped(f"Warning: {warning}")
    if run.error:
        print_line()
        print_line(run.error)
    print_line()
    print_line("Nothing was changed.")


def _state(run: PastRun) -> str:
    """How the run ended; what its gate said where that is more than that it passed."""
    return str(run.gate if run.state == "done" and run.gate == "overridden" else run.state)


def _remark(run: PastRun) -> str:
    from ingestion.runs.actor import by_actor

    if run.gate == "overridden":
        return f"overridden{by_actor(run.overridden_by)}: {run.reason}"
    return first_line(run.error or "")
