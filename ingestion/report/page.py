"""The report as one HTML document: `report.html.j2` filled with the contents, everything that it needs inside.

No text of the store reaches the page as anything but text: the template escapes whatever it prints, and before that
every character that could reorder or hide others is spelled out. The page's policy forbids scripts and requests.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Final, LiteralString

import jinja2
from markupsafe import Markup

from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import Unreachable
from ingestion.report.charts import ChartTone, meter, sparkline
from ingestion.report.contents import ReportContents, Shift
from ingestion.report.drift_cards import drift_cards
from ingestion.report.lineage_drawing import lineage_drawings, lineage_nodes
from ingestion.report.run_charts import (
    duration,
    durations_chart,
    flags_chart,
    intake_chart,
    intakes,
    pass_rate_chart,
    run_state,
    severity_tone,
    step_counts,
    tone_of,
)
from ingestion.report.templates import page_style, template_environment
from ingestion.report.tiles import tiles
from ingestion.runs.actor import by_actor
from ingestion.runs.history import PastStep
from ingestion.runs.record import code_version
from ingestion.runs.store_verdict import override_of_last_gate, store_problem, store_verdict
from quality.verdict import Verdict, why_not

RUNS_LISTED: Final = 12
REASONS_LISTED: Final = 8
_SECTIONS: Final = (
    ("freshness", "Freshness"),
    ("gate", "Quality gate"),
    ("runs", "Runs"),
    ("intake", "Intake"),
    ("anomalies", "Anomalies and shifts"),
    ("drift", "Drift"),
    ("online", "Online against offline"),
    ("audits", "Training without leaks"),
    ("lineage", "Lineage"),
)


def report_page(contents: ReportContents) -> str:
    """The page. It is of the instant of the contents' status."""
    template = _environment().get_template("report.html.j2")
    return template.render(
        **page_style(),
        code_version=code_version(),
        **dict(zip(("state_word", "state_tone", "sentence"), _state(contents), strict=True)),
        sections=_sections(contents),
        has_intake=bool(intakes(contents.runs)),
        contents=contents,
        status=contents.status,
        stored=contents.status.contents,
        redis_error=contents.status.online if isinstance(contents.status.online, Unreachable) else None,
        tiles=tiles(contents),
        verdicts=contents.verdicts,
        checks=_checks(contents),
        why_not=_why_not(contents),
        charts=_charts(contents),
        last_steps=_last_steps(contents),
        drift=[(view.name, drift_cards(contents, view.name)) for view in STORED_VIEWS],
        fullest_view=_fullest_view(contents),
        lineage=_lineage(contents),
        runs_listed=RUNS_LISTED,
        reasons_listed=REASONS_LISTED,
        shifts=_strongest_shifts(contents),
    )


@cache
def _environment() -> jinja2.Environment:
    environment = template_environment("ingestion.report")
    environment.globals |= {
        "meanings": _gate_meanings(),
        "meter": meter,
        "run_state": run_state,
        "severity_tone": severity_tone,
        "step_counts": step_counts,
        "tone_of": tone_of,
    }
    environment.filters |= {
        "by_actor": by_actor,
        "duration": lambda seconds: "-" if seconds is None else duration(seconds),
    }
    return environment


@cache
def _gate_meanings() -> Mapping[str, str]:
    """What each gate asks, by its name (quality/gates.toml)."""
    gates = tomllib.loads(resources.files("quality").joinpath("gates.toml").read_text("utf-8"))
    return {name: str(gate["meaning"]) for name, gate in gates.items()}


# ---- what the template is given ------------------------------------------------------------------------------------


def _sections(contents: ReportContents) -> list[tuple[str, str]]:
    """The id and the title of each section, as the page lists them on top."""
    alerts = [("alerts", "Alerts")] if contents.status.contents and contents.status.contents.alerts else []
    return alerts + list(_SECTIONS)


def _state(contents: ReportContents) -> tuple[str, ChartTone, str]:
    """A word for the state of the store, its tone, and the sentence."""
    status, sentence = contents.status, store_verdict(contents.status)
    if store_problem(status) is None:
        return ("Overridden", "warning", sentence) if override_of_last_gate(status) else ("Healthy", "good", sentence)
    is_empty = status.contents is not None and status.contents.features_watermark is None and not status.contents.alerts
    if is_empty and not isinstance(status.online, Unreachable):
        return "Empty", "neutral", sentence
    return "Needs attention", "bad", sentence


def _checks(contents: ReportContents) -> list[tuple[str, list[tuple[Verdict, Markup]]]]:
    """The verdicts by state, failures first, each with its values at the last judgements as a small line."""
    checks = contents.verdicts.checks if contents.verdicts else []
    states: Sequence[LiteralString] = ("failed", "warned", "passed", "not judged")
    return [(state, [(check, _trend(contents, check)) for check in checks if check.state == state]) for state in states]


def _trend(contents: ReportContents, check: Verdict) -> Markup:
    values = contents.gate_values.get((check.gate, check.scope), ())
    name = f"check-{check.gate}-{check.scope}".replace("_", "-")
    return sparkline(name, f"{check.gate} at the last judgements", values, tone=tone_of(check.state))


def _why_not(contents: ReportContents) -> dict[str, list[str]]:
    """The checks that were not judged, by the reason."""
    reasons: dict[str, list[str]] = {}
    for check in contents.verdicts.checks if contents.verdicts else ():
        if contents.verdicts and check.state == "not judged":
            reason = why_not(check, has_new_rows=contents.verdicts.has_new_rows)
            reasons.setdefault(reason, []).append(f"{check.gate} ({check.scope})")
    return reasons


def _strongest_shifts(contents: ReportContents) -> list[tuple[Shift, Verdict | None]]:
    """Of each test the segment that moved most, with what the gate of that name says."""
    strongest: dict[str, Shift] = {}
    for shift in contents.shifts:
        strongest.setdefault(shift.test, shift)
    checks = {check.gate: check for check in (contents.verdicts.checks if contents.verdicts else ())}
    return [(shift, checks.get(test)) for test, shift in strongest.items()]


def _charts(contents: ReportContents) -> dict[str, Markup]:
    return {
        "durations": durations_chart(contents),
        "intake": intake_chart(contents),
        "pass_rate": pass_rate_chart(contents),
        "flags": flags_chart(contents),
    }


def _last_steps(contents: ReportContents) -> tuple[str, Sequence[PastStep]]:
    """The id and the steps of the newest run that has both a sync and a gate; of any run where there is none."""
    whole = [run for run in contents.runs if step_counts(run, "sync") and step_counts(run, "gates")]
    newest = (whole or contents.runs)[-1:]
    return next(((contents.short_run_ids[run.run_id], run.steps) for run in newest), ("", []))


def _fullest_view(contents: ReportContents) -> str:
    """The view whose plots show the most values: it is open on the page where none has drifted."""
    values = {view: sum(sum(each.rows) for each in rows) for view, rows in contents.distributions.items()}
    return max(values, key=values.__getitem__, default="")


def _lineage(contents: ReportContents) -> Markup:
    stored = contents.status.contents
    if stored is None:
        return lineage_drawings(lineage_nodes([], {}, {}))
    keys = {view.name: view.keys for view in stored.views}
    return lineage_drawings(lineage_nodes([stream.stream for stream in stored.streams], stored.rows, keys))
