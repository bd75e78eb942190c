"""The verb gate: the verdicts of a refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, print_wrapped
from ingestion.cli.stores import begin, stores
from ingestion.cli.tables import print_table
from ingestion.wording import counted, quantity

if TYPE_CHECKING:
    from ingestion.gates.results import KindOfFlags, Verdicts
    from quality.verdict import Verdict

# What stands below the first line of a check.
_HANGING = 8


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
        judgement = verdicts(connection, find_run(connection, run) if run else None)
    checks = [check for check in judgement.checks if check.state == "failed" or not failed]
    if json:
        print_json(_document(judgement, checks))
        return
    _print_checks(checks, judgement.has_new_rows)
    if queries:
        for check in checks:
            print_line(f"-- {check.gate} of the {check.scope}\n{check.query};\n")
    if judgement.anomalies and not failed:
        print_table(["anomaly", "severity", "flags", "for example"], map(_anomaly, judgement.anomalies), wrap=True)
        print_line()
    if (drifted := [row for row in judgement.drift if row.has_drifted]) and not failed:
        print_table(
            ["drifted", "PSI", "usual below", "KS", "p"],
            [(row.feature, *map(_number, (row.psi, row.psi_noise, row.ks, row.p_value))) for row in drifted],
        )
        print_line()
    print_wrapped(_last_line(judgement))


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


def _anomaly(flags: KindOfFlags) -> tuple[Any, ...]:
    ids = ", ".join(flags.example_ids)
    return flags.kind, flags.severity, flags.flags, f"{flags.example} ({ids})"


def _number(value: float | None) -> str:
    return "-" if value is None else quantity(value, 4)


def _last_line(judgement: Verdicts) -> str:
    from ingestion.runs.actor import by_actor

    gate = judgement.gate
    sentence = f"{judgement.tally}."
    if failed := [_label(check) for check in judgement.checks if check.state == "failed"]:
        sentence += f" Failed: {', '.join(failed)}."
    about = f"Run {judgement.short_run_id} ({gate.verb}, clock {gate.judged_at:%Y-%m-%dT%H:%M:%SZ})"
    if gate.state == "overridden":
        by = by_actor(gate.overridden_by)
        return f"{about} was published over the gate{by}, for this reason: {gate.reason}. {sentence}"
    return f"{about} {'passed' if gate.state == 'passed' else 'was refused'}: {sentence}"


def _label(check: Verdict) -> str:
    return f"{check.gate} ({check.scope})"


def _document(judgement: Verdicts, checks: list[Verdict]) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(judgement.gate),
        "counts": judgement.tally.counts,
        "checks": [asdict(check) for check in checks],
        "anomalies": [asdict(flags) for flags in judgement.anomalies],
        "drift": [asdict(drift) for drift in judgement.drift],
    }
