"""How runs went, over time: charts of their durations, of what they brought, and of what was odd about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from markupsafe import Markup

from ingestion.report.charts import Bar, ChartText, ChartTone, bar_chart, line_chart
from ingestion.report.contents import ReportContents
from ingestion.runs.history import PastRun
from ingestion.state_styles import STATE_STYLES
from ingestion.wording import quantity, span

_OLDEST_TO_NEWEST: Final = "runs, the oldest on the left"
_SEVERITIES: Final[Mapping[str, ChartTone]] = {
    "low": "neutral",
    "medium": "accent",
    "high": "warning",
    "critical": "bad",
}


@dataclass(frozen=True)
class IntakeOfRun:
    """What a run read: rows that were new and sound, rows that were new and refused, and all that it read."""

    run: PastRun
    rows_read: int
    accepted: int
    quarantined: int

    @property
    def pass_rate(self) -> float | None:
        """The share of the new rows that were sound; null where none was new."""
        new = self.accepted + self.quarantined
        return self.accepted / new if new else None


def tone_of(state: str) -> ChartTone:
    """The tone of a state (ingestion/state_styles.py); of anything else neutral."""
    style = STATE_STYLES.get(state)
    return style if style in ("good", "warning", "bad") else "neutral"


def run_state(run: PastRun) -> str:
    """How a run ended; what its gate said where that is more than that it passed."""
    return str(run.gate if run.state == "done" and run.gate == "overridden" else run.state)


def step_counts(run: PastRun, step: str) -> Mapping[str, Any]:
    """What a step of a run did, as it is kept; nothing where the run did not come to it."""
    return next((each.counts for each in run.steps if each.step == step), {})


def intakes(runs: Sequence[PastRun]) -> list[IntakeOfRun]:
    """Of the runs that read a source, what they read, in the order of the runs."""
    counts = [(run, step_counts(run, "sync")) for run in runs]
    # A retry of refused rows is recorded as a sync too, and reads no source.
    read = [(run, sync) for run, sync in counts if "rows_read" in sync]
    return [IntakeOfRun(run, sync["rows_read"], sync["accepted"], sync["quarantined"]) for run, sync in read]


def durations_chart(contents: ReportContents) -> Markup:
    """How long each run took, in the tone of how it ended."""
    timed = [(run, run.seconds) for run in contents.runs if run.seconds is not None]
    bars = [
        Bar(f"{contents.short_run_ids[run.run_id]}: {run_state(run)}, {duration(seconds)}", [_timed(run, seconds)])
        for run, seconds in timed
    ]
    described = _described([seconds for _, seconds in timed], "runs took", duration)
    text = _text("durations", "How long runs took", described, "seconds", [run for run, _ in timed])
    return bar_chart(text, bars)


def _timed(run: PastRun, seconds: float) -> tuple[ChartTone, float]:
    tone = tone_of(run_state(run))
    # What went well is the ground of this chart, and no achievement of each bar.
    return "accent" if tone == "good" else tone, seconds


def intake_chart(contents: ReportContents) -> Markup:
    """New rows of each run that read a source, accepted and quarantined."""
    read = intakes(contents.runs)
    bars = [
        Bar(
            f"{contents.short_run_ids[each.run.run_id]}: {each.accepted:,} accepted, {each.quarantined:,} quarantined",
            [("accent", each.accepted), ("bad", each.quarantined)],
        )
        for each in read
    ]
    new = [float(each.accepted + each.quarantined) for each in read]
    described = _described(new, "runs brought new rows:", lambda rows: quantity(rows, 6))
    return bar_chart(_text("intake", "New rows of each run", described, "rows", [each.run for each in read]), bars)


def pass_rate_chart(contents: ReportContents) -> Markup:
    """Which share of the new rows of each run was sound."""
    rated = [each for each in intakes(contents.runs) if each.pass_rate is not None]
    rates = [100 * (each.pass_rate or 0.0) for each in rated]
    described = _described(rates, "runs had a pass rate of", lambda rate: f"{quantity(rate, 4)} %")
    text = _text("pass-rate", "Share of new rows that were sound", described, "percent", [each.run for each in rated])
    return line_chart(text, rates, top=100.0, tone="accent")


def flags_chart(contents: ReportContents) -> Markup:
    """Flags of each run that looked for anomalies, by severity."""
    looked = [run for run in contents.runs if step_counts(run, "anomalies")]
    bars = []
    for run in looked:
        kinds = step_counts(run, "anomalies").get("kinds", {}).values()
        flags = {severity: sum(kind.get(severity, 0) for kind in kinds) for severity in _SEVERITIES}
        words = ", ".join(f"{number:,} {severity}" for severity, number in flags.items() if number) or "no flags"
        parts = [(_SEVERITIES[severity], float(number)) for severity, number in flags.items()]
        bars.append(Bar(f"{contents.short_run_ids[run.run_id]}: {words}", parts))
    described = _described([bar.height for bar in bars], "runs raised flags:", lambda flags: quantity(flags, 6))
    return bar_chart(_text("flags", "Flags of each run", described, "flags", looked), bars)


def severity_tone(severity: str) -> ChartTone:
    """The tone of a severity of anomalies."""
    return _SEVERITIES[severity]


def _text(name: str, title: str, description: str, y_label: str, runs: Sequence[PastRun]) -> ChartText:
    first, last = (f"{runs[0].now:%Y-%m-%d}", f"{runs[-1].now:%Y-%m-%d}") if runs else ("", "")
    return ChartText(f"chart-{name}", title, description, _OLDEST_TO_NEWEST, y_label, first, last)


def _described(values: Sequence[float], what: str, words: Callable[[float], str]) -> str:
    if not values:
        return "No run yet."
    return (
        f"{len(values):,} {what} {words(min(values))} at least, {words(max(values))} at most, "
        f"{words(values[-1])} at last."
    )


def duration(seconds: float) -> str:
    """How long a run or a step took, in words."""
    return span(timedelta(seconds=round(seconds, 2)))
