"""The verbs that tell what was judged and what ran: gate, runs."""

from __future__ import annotations

import json as jsonlib
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestion.cli.output import Json, print_json, print_line, print_table, print_wrapped
from ingestion.cli.session import begin, stores

if TYPE_CHECKING:
    from uuid import UUID

    from ingestion.verdicts import Verdicts
    from quality.verdict import Verdict


_DRIFT = ("psi", "psi_noise", "ks", "p_value")


def gate(
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="The judgement of this run; the beginning of its id will do."),
    ] = None,
    queries: Annotated[bool, typer.Option("--queries", help="Show the query behind each value too.")] = False,
    json: Json = False,
) -> None:
    """Show the verdicts of the last refresh.

    Every check with its value and threshold, the anomalies among the rows that were judged, and the features that
    drifted. Exits 0 whatever the verdict; the last line and --json tell.
    """
    from ingestion.reading import reading
    from ingestion.run_ids import find_run
    from ingestion.verdicts import verdicts

    connections = stores(begin(), create=False)
    with reading(connections.postgres, purpose="gate") as connection:
        found = verdicts(connection, find_run(connection, run) if run else None)
    if json:
        print_json(_document(found))
        return
    print_table(
        ["check", "scope", "severity", "verdict", "value", "must be", "rows", ""],
        [
            (c.gate, c.scope, c.severity, c.state, _number(c.value), c.threshold, c.rows, c.note or "")
            for c in found.checks
        ],
    )
    if queries:
        print_line()
        for check in found.checks:
            print_line(f"-- {check.gate} of the {check.scope}\n{check.query};")
    if found.anomalies:
        print_line()
        print_table(
            ["anomaly", "severity", "flags", "for example"],
            [(a["kind"], a["severity"], a["flags"], a["example"]) for a in found.anomalies],
        )
    if drifted := [row for row in found.drift if row["has_drifted"]]:
        print_line()
        print_table(
            ["drifted", "view", "PSI", "without drift below", "KS", "p"],
            [
                (d["feature"], d["view"], *(_number(d[n]) for n in ("psi", "psi_noise", "ks", "p_value")))
                for d in drifted
            ],
        )
    print_line()
    print_line(_last_line(found))


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
    from ingestion.reading import reading
    from ingestion.run_ids import find_run, short_run_ids
    from ingestion.verdicts import runs as last_runs

    connections = stores(begin(), create=False)
    with reading(connections.postgres, purpose="runs") as connection:
        run_id = find_run(connection, run) if run else None
        found = last_runs(connection, limit, run_id)
        short = short_run_ids(connection, [each["run_id"] for each in found])
    if json:
        print_json({"runs": found})
    elif run_id is not None:
        _print_run(found[0])
    else:
        _print_runs(found, short)


def _print_runs(found: list[dict[str, Any]], short: dict[UUID, str]) -> None:
    print_table(
        ["run", "verb", "state", "started", "seconds", "source", ""],
        [
            (
                short[run["run_id"]],
                run["verb"],
                _state(run),
                run["started_at"],
                _seconds(run),
                run["source"] or "-",
                _remark(run),
            )
            for run in found
        ],
        cut=True,
    )
    print_line()
    told = f"{len(found):,} runs, the newest first. `pikkit runs RUN` shows one whole."
    print_line(told if found else "Nothing ran yet. Run `pikkit run`.")


def _print_run(run: dict[str, Any]) -> None:
    facts = [(name, run[name]) for name in ("run_id", "verb", "source", "now", "started_at", "finished_at")]
    facts += [("seconds", _seconds(run)), ("state", run["state"]), ("exit_code", run["exit_code"])]
    facts += [("gate", run["gate"]), ("reason", run["reason"]), ("code_version", run["code_version"])]
    # As text, so that a number stands beside its name.
    shown = [(name.replace("_", " "), value if isinstance(value, datetime) else str(value)) for name, value in facts]
    print_table(["", ""], [fact for fact, (_, value) in zip(shown, facts, strict=True) if value is not None])
    if run["steps"]:
        print_line()
        rows = [(step["step"], step["seconds"], jsonlib.dumps(step["counts"])) for step in run["steps"]]
        print_table(["step", "seconds", "counts"], rows, wrap=True)
    for warning in run["counts"].get("warnings", ()):
        print_line()
        print_wrapped(f"Warning: {warning}")
    if run["error"]:
        print_line()
        print_line(run["error"])
    print_line()
    print_line("Nothing was changed.")


def _seconds(run: dict[str, Any]) -> float | None:
    return (run["finished_at"] - run["started_at"]).total_seconds() if run["finished_at"] else None


def _state(run: dict[str, Any]) -> str:
    """How the run ended; what its gate said where that is more than that it passed."""
    return str(run["gate"] if run["state"] == "done" and run["gate"] == "overridden" else run["state"])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _remark(run: dict[str, Any]) -> str:
    if run["gate"] == "overridden":
        return f"overridden: {run['reason']}"
    return (run["error"] or "").split("\n")[0]


def _last_line(found: Verdicts) -> str:
    gate = found.gate
    by_state = {state: [c for c in found.checks if c.state == state] for state in ("failed", "warned")}
    names = {state: ", ".join(_label(check) for check in checks) for state, checks in by_state.items()}
    told = f"{len(found.checks)} checks, {len(by_state['failed'])} failed, {len(by_state['warned'])} warned"
    about = f"Run {found.short_run_id} ({gate.verb}, clock {gate.judged_at:%Y-%m-%dT%H:%M:%SZ})"
    if gate.state == "passed":
        return f"{about} passed: {told}."
    if gate.state == "refused":
        return f"{about} was refused: {told}. Failed: {names['failed']}."
    failed = f" Failed: {names['failed']}." if names["failed"] else ""
    return f"{about} was published over the gate, for this reason: {gate.reason}. {told}.{failed}"


def _label(check: Verdict) -> str:
    return f"{check.gate} ({check.scope})"


def _document(found: Verdicts) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(found.gate),
        "checks": [asdict(check) for check in found.checks],
        "anomalies": found.anomalies,
        "drift": found.drift,
    }
