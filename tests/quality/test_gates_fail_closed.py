"""A gate whose evidence is missing or unusable fails, whatever its severity."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.exceptions import ColumnNotFoundError

from quality.evidence import EVIDENCE_SCHEMAS, Evidence
from quality.gates import GatesUnusable, default_gates, judge_refresh
from quality.gates.configuration import gates_with
from quality.gates.measures import GATE_MEASURES, Measure
from quality.gates.required_evidence import NEVER_NEGATIVE, NULLABLE, CheckedEvidence
from tests.builders.refreshes import GOOD, NOW, anomalies, completeness, graded, intake, shift, totals, verdict

FRAMES = [(measure, frame) for measure in GATE_MEASURES.values() for frame in measure.needs]
COLUMNS = [(measure, frame, column) for measure, frame in FRAMES for column in measure.needs[frame]]


def named(value: object) -> str | None:
    return f"{value.gate}-{value.scope}" if isinstance(value, Measure) else None


def failure(measure: Measure, frame: str, changed: object) -> str | None:
    """The note of the failed verdict on evidence with one frame changed."""
    found = verdict(measure.gate, measure.scope, **{frame: changed})
    assert (found.state, found.value) == ("failed", None)
    return found.note


@pytest.mark.parametrize(("measure", "frame"), FRAMES, ids=named)
def test_missing_frame_fails_every_gate_that_reads_the_frame(measure: Measure, frame: str) -> None:
    assert failure(measure, frame, None) == f"{frame} is missing"


@pytest.mark.parametrize(("measure", "frame", "column"), COLUMNS, ids=named)
def test_missing_column_fails_every_gate_that_reads_the_column(measure: Measure, frame: str, column: str) -> None:
    assert failure(measure, frame, getattr(GOOD, frame).drop(column)) == f"{frame}.{column} is missing"


@pytest.mark.parametrize(("measure", "frame", "column"), COLUMNS, ids=named)
def test_column_of_a_wrong_type_fails_every_gate_that_reads_the_column(
    measure: Measure, frame: str, column: str
) -> None:
    other = pl.lit(None, pl.Binary()).alias(column)
    note = failure(measure, frame, getattr(GOOD, frame).with_columns(other))
    assert note == f"{frame}.{column} is Binary instead of {EVIDENCE_SCHEMAS[frame][column]}"


@pytest.mark.parametrize(
    ("measure", "frame", "column"), [row for row in COLUMNS if row[2] not in NULLABLE.get(row[1], ())], ids=named
)
def test_null_in_a_required_column_fails_every_gate_that_reads_the_column(
    measure: Measure, frame: str, column: str
) -> None:
    assert failure(measure, frame, _with(frame, column, None)) == f"{frame}.{column} is null in 1 rows"


@pytest.mark.parametrize(
    ("measure", "frame", "column"), [row for row in COLUMNS if row[2] in NEVER_NEGATIVE.get(row[1], ())], ids=named
)
def test_count_below_zero_fails_every_gate_that_reads_the_count(measure: Measure, frame: str, column: str) -> None:
    assert failure(measure, frame, _with(frame, column, -1)) == f"{frame}.{column} is below 0 in 1 rows"


@pytest.mark.parametrize(("measure", "frame", "column"), COLUMNS, ids=named)
def test_gates_read_every_declared_column(measure: Measure, frame: str, column: str) -> None:
    evidence = CheckedEvidence(GOOD).provided(measure.needs)
    fewer = evidence.frames | {frame: evidence[frame].drop(column).with_columns(unread=0)}
    with pytest.raises((ColumnNotFoundError, KeyError)):
        measure.of(replace(evidence, frames=fewer))


@pytest.mark.parametrize("measure", GATE_MEASURES.values(), ids=named)
def test_gates_read_no_undeclared_column(measure: Measure) -> None:
    bare = Evidence(
        GOOD.now, **{frame: getattr(GOOD, frame).select(columns) for frame, columns in measure.needs.items()}
    )
    (found,) = [
        one
        for one in judge_refresh(default_gates(), bare).verdicts
        if (one.gate, one.scope) == (measure.gate, measure.scope)
    ]
    assert found.state == "passed"


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_fails(score: float) -> None:
    note = verdict("clv_level", shifts=shift("clv_level", score)).note
    assert note == "shifts.score is not a finite number in 1 rows"


@pytest.mark.parametrize("rows", [0, 2])
def test_intake_without_rows_or_with_several_rows_fails(rows: int) -> None:
    found = verdict("schema_pass_rate", intake=pl.concat([intake(), intake()]).head(rows))
    assert (found.state, found.note) == ("failed", f"intake has {rows} rows instead of one")


def odd(seq: int = 1_001, kind: str = "duplicate", severity: str = "low") -> dict[str, Any]:
    return {"anomalies": anomalies((seq, kind, severity))}


CONTRADICTIONS = "the counts contradict each other: 6 of 5 rows"
UNUSABLE: list[tuple[str, dict[str, Any], str]] = [
    ("critical_anomalies_alert", odd(kind="oddity"), "anomalies.kind has unknown values: oddity"),
    ("max_high_anomalies_pct", odd(severity="High"), "anomalies.severity has unknown values: High"),
    ("max_critical_anomalies", odd(seq=7), "anomalies has 1 flags on rows that are not in the batch"),
    ("sport_arrivals", {"shifts": shift("unheard", 0.0)}, "shifts.test has unknown values: unheard"),
    (
        "source_rows",
        {"intake": intake(rows_read=None)},
        "intake.rows_read is null though the source says how many rows it has",
    ),
    ("min_settled_pct", {"totals": totals(("Golf", "B", 5, 6, 0, 0))}, CONTRADICTIONS),
    ("max_null_odds_pct", {"totals": totals(("Golf", "B", 5, 5, 0, 6))}, CONTRADICTIONS),
    (
        "feature_completeness",
        {"completeness": completeness(("a", "x", 5, 6))},
        "completeness says of 1 features that more values are known than there are rows",
    ),
    (
        "win_rate_vs_implied",
        {"graded": graded(500, 500, american_odds=2)},
        "graded.american_odds lies inside (-100, 100) in 1,000 rows, where no price can be",
    ),
    ("data_age_warn_hours", {"now": NOW.replace(tzinfo=None)}, "now names no time zone"),
    (
        "max_data_age_days",
        {"intake": intake(newest_known_at=datetime(2099, 1, 1, tzinfo=UTC))},
        "the newest bet is known at 2099-01-01T00:00:00Z, past the clock by 26519 days, 9:00:00",
    ),
    ("feature_drift", {"drift": object()}, "drift is no Polars data frame"),
]


@pytest.mark.parametrize(("gate", "evidence", "note"), UNUSABLE)
def test_evidence_that_contradicts_itself_fails(gate: str, evidence: dict[str, Any], note: str) -> None:
    found = verdict(gate, "dataset" if "totals" in evidence else None, **evidence)
    assert (found.state, found.note) == ("failed", note)


def test_a_clock_a_few_minutes_behind_the_newest_bet_passes() -> None:
    assert verdict("max_data_age_days", intake=intake(newest_known_at=NOW + timedelta(minutes=5))).state == "passed"


def test_unusable_evidence_is_refused_with_all_problems() -> None:
    assert verdict("max_critical_anomalies", batch=None, anomalies=anomalies().drop("kind")).note == (
        "anomalies.kind is missing; batch is missing"
    )


def test_without_any_evidence_every_gate_fails() -> None:
    assert {one.state for one in judge_refresh(default_gates(), Evidence(NOW)).verdicts} == {"failed"}


# ---- configuration ----


def test_judging_without_a_declared_gate_is_an_error() -> None:
    with pytest.raises(GatesUnusable, match="min_records: the gate is missing"):
        judge_refresh(default_gates()[1:], GOOD)


def test_a_gate_that_nothing_measures_is_an_error() -> None:
    stray = replace(default_gates()[0], name="luck")
    with pytest.raises(GatesUnusable, match="luck: there is no such measure"):
        judge_refresh((*default_gates(), stray), GOOD)


def test_a_gate_without_a_scope_is_an_error() -> None:
    blind = replace(default_gates()[0], scopes=())
    with pytest.raises(GatesUnusable, match=r"min_records\.scope: is empty"):
        judge_refresh((blind, *default_gates()[1:]), GOOD)


def test_gate_listed_twice_is_an_error() -> None:
    with pytest.raises(GatesUnusable, match="min_records: stands there twice"):
        judge_refresh((*default_gates(), default_gates()[0]), GOOD)


def test_a_milder_severity_does_not_pass_missing_evidence() -> None:
    gates = gates_with({"max_null_sport_pct": {"severity": "warn", "threshold": 1}})
    assert verdict("max_null_sport_pct", "batch", gates=gates, batch=None).state == "failed"


def _with(frame: str, column: str, value: object) -> pl.DataFrame:
    """A frame of GOOD with another value in one column of its first row."""
    values: pl.DataFrame = getattr(GOOD, frame)
    changed = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(value, values.schema[column])).otherwise(column)
    return values.with_columns(changed.alias(column))
