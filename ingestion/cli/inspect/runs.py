"""The verb runs: the last runs, or all that is known of one."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, print_wrapped
from ingestion.cli.stores import begin, stores
from ingestion.cli.tables import print_table
from ingestion.wording import counted, first_line

if TYPE_CHECKING:
    from uuid import UUID

    from ingestion.lineage.run_detail import RunDetail
    from ingestion.lineage.written_views import WrittenView
    from ingestion.runs.history import PastRun


def runs(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[show RUN]", help="All of this run, by its id or the beginning of it."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, the newest first.")] = 20,
    json: Json = False,
) -> None:
    """Show the last runs: what they did, and how they ended.

    One line each; of RUN all that is known: steps, counts, cursor, gate, what it wrote, lineage. --json has steps,
    counts and errors of all.
    """
    from feature_repo.errors import ConfigurationError
    from ingestion.database.read_only import read_only_store
    from ingestion.lineage.run_detail import run_detail
    from ingestion.runs.history import last_runs
    from ingestion.runs.run_ids import find_run, short_run_ids

    if words and len(words) > 1 and (words[0] != "show" or len(words) > 2):
        raise ConfigurationError(
            f"Got what `pikkit runs` does not know: {' '.join(words)}",
            "Nothing was done",
            "Write `pikkit runs show RUN`",
        )
    run = words[-1] if words else None
    connections = stores(begin(), create=False)
    with read_only_store(connections.postgres, purpose="runs") as connection:
        run_id = find_run(connection, run) if run else None
        records = last_runs(connection, limit, run_id)
        short = short_run_ids(connection, [record.run_id for record in records])
        detail = run_detail(connection, run_id) if run_id else None
    if json:
        from dataclasses import asdict

        print_json({"runs": [asdict(record) for record in records]} | (asdict(detail) if detail else {}))
    elif detail is not None:
        _print_run(records[0], detail)
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
    summary = f"{counted(len(records), 'run')}, the newest first. `pikkit runs show RUN` shows one whole."
    print_line(summary if records else "Nothing ran yet. Run `pikkit run`.")


def _print_run(run: PastRun, detail: RunDetail) -> None:
    from ingestion.cli.trace.jobs import print_jobs
    from ingestion.runs.actor import by_actor

    source, remark = f" of {run.source}" if run.source else "", _remark(run)
    # What overrode a gate begins with the state itself.
    state = remark if run.gate == "overridden" else f"{_state(run)}{f' ({remark})' if remark else ''}"
    print_wrapped(f"Run {run.run_id}, {run.verb}{source}: {state}.")
    facts = [(name, getattr(run, name)) for name in ("run_id", "verb", "source", "now", "started_at", "finished_at")]
    facts += [("seconds", run.seconds), ("state", run.state), ("exit_code", run.exit_code)]
    gate = f"overridden{by_actor(run.overridden_by)}" if run.gate == "overridden" else run.gate
    facts += [("cursor", _cursor(run)), ("gate", gate), ("reason", run.reason), ("code_version", run.code_version)]
    # As text, so that a number stands beside its name.
    cells = [(name.replace("_", " "), value if isinstance(value, datetime) else str(value)) for name, value in facts]
    print_table(["", ""], [fact for fact, (_, value) in zip(cells, facts, strict=True) if value is not None])
    if run.steps:
        print_line()
        rows = [(step.step, step.seconds, _counts(step.counts)) for step in run.steps]
        print_table(["step", "seconds", "counts that are not zero"], rows, wrap=True)
    if detail.written:
        print_line()
        written = [(view, of.rows, of.digest, _versions(of)) for view, of in detail.written.items()]
        print_table(["wrote", "rows", "digest", "feature versions"], written)
    if detail.verdicts:
        print_line()
        tally = ", ".join(f"{len(checks)} {state}" for state, checks in detail.verdicts.items())
        print_wrapped(f"Checks: {tally}. `pikkit gate --run {run.run_id}` shows them.")
        for state in ("failed", "warned"):
            if detail.verdicts.get(state):
                print_wrapped(f"{state}: {', '.join(detail.verdicts[state])}", indent=2, hanging=2)
    print_line()
    print_jobs(detail.lineage)
    for warning in run.warnings:
        print_line()
        print_wrapped(f"Warning: {warning}")
    if run.error:
        print_line()
        print_line(run.error)
    print_line()
    print_line("Nothing was changed.")


def _counts(counts: Mapping[str, Any]) -> str:
    """The counts of a step that are not zero, empty or null, as text; --json has all."""
    texts = []
    for name, value in counts.items():
        inner = {key: part for key, part in value.items() if part} if isinstance(value, dict) else value
        if inner:
            texts.append(f"{name} {jsonlib.dumps(inner) if isinstance(inner, dict | list) else inner}")
    return ", ".join(texts) or "-"


def _cursor(run: PastRun) -> str | None:
    """From where to where the cursor of the run's stream moved; null where the stream has none, as a file."""
    for step in run.steps:
        if after := step.counts.get("cursor_after"):
            return f"{step.counts.get('cursor_before') or 'the beginning'} to {after}"
    return None


def _versions(written: WrittenView) -> str:
    """The versions of a view's features: one number where all have the same."""
    versions = written.feature_versions
    if len(set(versions.values())) == 1:
        return f"{next(iter(versions.values()))}"
    return ", ".join(f"{feature} {version}" for feature, version in versions.items())


def _state(run: PastRun) -> str:
    """How the run ended; what its gate said where that is more than that it passed."""
    return str(run.gate if run.state == "done" and run.gate == "overridden" else run.state)


def _remark(run: PastRun) -> str:
    from ingestion.runs.actor import by_actor

    if run.gate == "overridden":
        return f"overridden{by_actor(run.overridden_by)}: {run.reason}"
    return first_line(run.error or "")
