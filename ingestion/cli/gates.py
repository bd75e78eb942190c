"""The verbs that tell what was judged and what ran: gate, runs."""

from __future__ import annotations

import json as jsonlib
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestion.cli.output import Json, print_json, print_line, print_table, print_wrapped
from ingestion.cli.stores import begin, stores
from ingestion.wording import counted, first_line, quantity

if TYPE_CHECKING:
    from uuid import UUID

    from ingestion.gates.results import Verdicts
    from quality.verdict import Verdict


# What stands below the first line of a check.
_HANGING = 8
_DRIFT = ("psi", "psi_noise", "ks", "p_value")


def gate(
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="The judgement of this run; the beginning of its id will do."),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only the checks that failed.")] = False,
    queries: Annotated[bool, typer.Option("--queries", help="Show the query behind each value too.")] = False,
    json: Json = False,
) -> None:
    """Show the verdicts of the last refresh.

    The checks that failed or warned, each with bets behind it, then those that passed, and why some were not judged;
    the anomalies among the rows that were judged, and the features that drifted. Exits 0 whatever the verdict; the last
    line and --json tell.
    """
    from ingestion.database.read_only import read_only_store
    from ingestion.gates.results import verdicts
    from ingestion.runs.run_ids import find_run

    connections = stores(begin(), create=False)
    with read_only_store(connections.postgres, purpose="gate") as connection:
        found = verdicts(connection, find_run(connection, run) if run else None)
    shown = [check for check in found.checks if check.state == "failed" or not failed]
    if json:
        print_json(_document(found, shown))
        return
    _print_checks(shown, found.has_new_rows)
    if queries:
        for check in shown:
            print_line(f"-- {check.gate} of the {check.scope}\n{check.query};\n")
    if found.anomalies and not failed:
        print_table(["anomaly", "severity", "flags", "for example"], map(_anomaly, found.anomalies), wrap=True)
        print_line()
    if (drifted := [row for row in found.drift if row["has_drifted"]]) and not failed:
        print_table(
            ["drifted", "PSI", "usual below", "KS", "p"],
            [(row["feature"], *(_number(row[name]) for name in _DRIFT)) for row in drifted],
        )
        print_line()
    print_wrapped(_last_line(found))


def _print_checks(checks: list[Verdict], has_new_rows: bool) -> None:
    """What failed and what warned, each with its rows; then what passed, and what was not judged, by the reason."""
    from quality.verdict import why_not

    for state in ("failed", "warned"):
        for check in checks:
            if check.state == state:
                _print_outside(check)
    if passed := [check for check in checks if check.state == "passed"]:
        print_table(
            ["passed", "scope", "value", "must be", "rows"],
            [(check.gate, check.scope, _number(check.value), check.threshold, check.rows) for check in passed],
        )
        print_line()
    reasons: dict[str, list[str]] = {}
    for check in checks:
        if check.state == "not judged":
            reasons.setdefault(why_not(check, has_new_rows=has_new_rows), []).append(_label(check))
    for reason, labels in reasons.items():
        print_wrapped(f"Not judged, {reason}: {', '.join(labels)}.")
        print_line()


def _print_outside(check: Verdict) -> None:
    """A check whose value is outside its limit, and the bets behind it."""
    print_wrapped(
        f"{check.state.upper()}  {check.gate} of the {check.scope}: {_number(check.value)}, must be {check.threshold}, "
        f"over {counted(check.rows, 'row')}",
        hanging=_HANGING,
    )
    if check.note:
        print_wrapped(check.note, indent=_HANGING)
    if check.examples:
        print_wrapped(f"for example {', '.join(check.examples)}", indent=_HANGING)
    print_line()


def _anomaly(flags: dict[str, Any]) -> tuple[Any, ...]:
    ids = ", ".join(flags["example_ids"])
    return flags["kind"], flags["severity"], flags["flags"], f"{flags['example']} ({ids})"


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
    from ingestion.gates.results import last_runs
    from ingestion.runs.run_ids import find_run, short_run_ids

    connections = stores(begin(), create=False)
    with read_only_store(connections.postgres, purpose="runs") as connection:
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
    told = f"{counted(len(found), 'run')}, the newest first. `pikkit runs RUN` shows one whole."
    print_line(told if found else "Nothing ran yet. Run `pikkit run`.")


def _print_run(run: dict[str, Any]) -> None:
    from ingestion.runs.actor import by_actor

    facts = [(name, run[name]) for name in ("run_id", "verb", "source", "now", "started_at", "finished_at")]
    facts += [("seconds", _seconds(run)), ("state", run["state"]), ("exit_code", run["exit_code"])]
    gate = f"overridden{by_actor(run['overridden_by'])}" if run["gate"] == "overridden" else run["gate"]
    facts += [("gate", gate), ("reason", run["reason"]), ("code_version", run["code_version"])]
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
    return "-" if value is None else quantity(value, 4)


def _remark(run: dict[str, Any]) -> str:
    from ingestion.runs.actor import by_actor

    if run["gate"] == "overridden":
        return f"overridden{by_actor(run['overridden_by'])}: {run['reason']}"
    return first_line(run["error"] or "")


def _last_line(found: Verdicts) -> str:
    from ingestion.runs.actor import by_actor

    gate = found.gate
    told = f"{found.tally}."
    if failed := [_label(check) for check in found.checks if check.state == "failed"]:
        told += f" Failed: {', '.join(failed)}."
    about = f"Run {found.short_run_id} ({gate.verb}, clock {gate.judged_at:%Y-%m-%dT%H:%M:%SZ})"
    if gate.state == "overridden":
        by = by_actor(gate.overridden_by)
        return f"{about} was published over the gate{by}, for this reason: {gate.reason}. {told}"
    return f"{about} {'passed' if gate.state == 'passed' else 'was refused'}: {told}"


def _label(check: Verdict) -> str:
    return f"{check.gate} ({check.scope})"


def _document(found: Verdicts, shown: list[Verdict]) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(found.gate),
        "counts": found.tally.counts,
        "checks": [asdict(check) for check in shown],
        "anomalies": found.anomalies,
        "drift": found.drift,
    }
