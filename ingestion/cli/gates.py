"""The verbs that tell what was judged and what ran: gate, runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestion.cli.output import Json, print_json, print_line, print_table
from ingestion.cli.session import begin, stores

if TYPE_CHECKING:
    from uuid import UUID

    from ingestion.verdicts import Verdicts
    from quality.verdict import Verdict


_DRIFT = ("psi", "psi_noise", "ks", "p_value")


def gate(
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="The judgement of this run; otherwise of the last one.")
    ] = None,
    queries: Annotated[bool, typer.Option("--queries", help="Show the query behind each value too.")] = False,
    json: Json = False,
) -> None:
    """Show the verdicts of the last refresh.

    Every check with its value and threshold, the anomalies among the rows that were judged, and the features that
    drifted. Exits 0 whatever the verdict; the last line and --json tell.
    """
    from ingestion.reading import reading
    from ingestion.verdicts import verdicts

    connections = stores(begin(), create=False)
    with reading(connections.postgres, purpose="gate") as connection:
        found = verdicts(connection, _run_id(run))
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
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many, the newest first.")] = 20,
    json: Json = False,
) -> None:
    """Show the last runs: what they did, and how they ended.

    --json has their steps, counts and errors too.
    """
    from ingestion.reading import reading
    from ingestion.verdicts import runs as last_runs

    connections = stores(begin(), create=False)
    with reading(connections.postgres, purpose="runs") as connection:
        found = last_runs(connection, limit)
    if json:
        print_json({"runs": found})
        return
    print_table(
        ["run", "verb", "state", "gate", "clock", "started", "seconds", "source", ""],
        [
            (
                run["run_id"],
                run["verb"],
                run["state"],
                run["gate"] or "-",
                run["now"],
                run["started_at"],
                (run["finished_at"] - run["started_at"]).total_seconds() if run["finished_at"] else None,
                run["source"] or "-",
                _remark(run),
            )
            for run in found
        ],
    )
    print_line()
    print_line(f"{len(found):,} runs, the newest first." if found else "Nothing ran yet. Run `pikkit run`.")


def _run_id(text: str | None) -> UUID | None:
    from uuid import UUID

    from ingestion.errors import ConfigurationError

    try:
        return UUID(text) if text else None
    except ValueError:
        raise ConfigurationError(
            f"{text!r} is not the id of a run", "Nothing was done", "`pikkit runs` lists them"
        ) from None


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
    about = f"Run {gate.run_id} ({gate.verb}, clock {gate.judged_at:%Y-%m-%dT%H:%M:%SZ})"
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
