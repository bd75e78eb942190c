"""The gates as configured: defaults of the original design, and what overrides them."""

from __future__ import annotations

from typing import Any

import pytest

from quality.gates import Gate, GatesUnusable, default_gates, gates_with


def gate(name: str, overrides: dict[str, dict[str, object]] | None = None) -> Gate:
    (found,) = [gate for gate in gates_with(overrides or {}) if gate.name == name]
    return found


@pytest.mark.parametrize(
    ("name", "limit", "severity"),
    [
        ("min_records", ">= 1000", "fail"),
        ("min_settled_pct", ">= 0.5", "fail"),
        ("max_null_sport_pct", "<= 0.05", "fail"),
        ("max_null_market_pct", "<= 0.1", "fail"),
        ("max_null_odds_pct", "<= 0.01", "fail"),
        ("max_data_age_days", "<= 90", "fail"),
        ("max_critical_anomalies", "<= 0", "fail"),
        ("max_high_anomalies_pct", "<= 0.01", "fail"),
        ("min_sports_count", ">= 3", "fail"),
        ("min_books_count", ">= 2", "fail"),
        ("win_rate_range", "between 0.35 and 0.65", "warn"),
        ("win_rate_vs_implied", "between -0.12 and 0.08", "fail"),
        ("schema_pass_rate", ">= 0.99", "fail"),
        ("feature_completeness", ">= 0.95", "fail"),
        ("feature_drift", "<= 0", "warn"),
        ("data_age_warn_hours", "<= 24", "warn"),
        ("data_age_alert_hours", "<= 48", "alert"),
        ("critical_anomalies_alert", "<= 10", "alert"),
        ("source_rows", ">= 1", "fail"),
    ],
)
def test_default_gate_has_the_limit_and_severity_of_the_design(name: str, limit: str, severity: str) -> None:
    assert (gate(name).limit, gate(name).severity) == (limit, severity)


def test_no_override_leaves_the_defaults() -> None:
    assert gates_with({}) == default_gates()


def test_an_override_of_a_single_gate_key_replaces_nothing_else() -> None:
    others = [gate for gate in default_gates() if gate.name != "max_data_age_days"]
    changed = gates_with({"max_data_age_days": {"threshold": 30}})
    assert [gate for gate in changed if gate in others] == others
    assert gate("max_data_age_days", {"max_data_age_days": {"threshold": 30}}).limit == "<= 30"


def test_an_override_leaves_the_defaults_themselves_alone() -> None:
    gates_with({"max_data_age_days": {"threshold": 30}})
    assert gate("max_data_age_days").threshold == 90


SCOPES = 'must be a list of "batch", "dataset" or both'
WRONG: list[tuple[str, Any, str]] = [
    ("min_record", {"threshold": 5}, "min_record: there is no such gate"),
    ("min_records", 500, "min_records: must be a table of keys such as threshold, not 500"),
    ("min_records", {"treshold": 5}, "min_records.treshold: there is no such key"),
    ("min_records", {"threshold": "500"}, "min_records.threshold: must be a finite number, not '500'"),
    ("min_records", {"threshold": True}, "min_records.threshold: must be a finite number, not True"),
    ("min_records", {"threshold": None}, "min_records.threshold: must be a finite number, not None"),
    ("min_records", {"threshold": float("nan")}, "min_records.threshold: must be a finite number, not nan"),
    ("min_records", {"threshold": float("-inf")}, "min_records.threshold: must be a finite number, not -inf"),
    ("min_records", {"min_rows": 1.5}, "min_records.min_rows: must be a whole number from 0, not 1.5"),
    ("min_records", {"min_rows": True}, "min_records.min_rows: must be a whole number from 0, not True"),
    ("min_records", {"min_rows": -1}, "min_records.min_rows: must be a whole number from 0, not -1"),
    ("min_records", {"severity": "ignore"}, "min_records.severity: must be one of fail, alert, warn, not 'ignore'"),
    ("min_records", {"severity": ["fail"]}, "min_records.severity: must be one of fail, alert, warn, not ['fail']"),
    ("min_records", {"scope": []}, f"min_records.scope: {SCOPES}, not []"),
    ("min_records", {"scope": "dataset"}, f"min_records.scope: {SCOPES}, not 'dataset'"),
    ("min_records", {"scope": ["all"]}, f"min_records.scope: {SCOPES}, not ['all']"),
    ("min_records", {"scope": ["batch"]}, "min_records.scope: measured on the dataset, not on the batch"),
    ("min_records", {"operator": "<="}, "min_records.operator: cannot be changed from '>='"),
    ("min_records", {"upper": 5}, 'min_records.upper: only a gate whose operator is "between" has one'),
    ("min_records", {"min_failing_rows": 5}, "min_records.min_failing_rows: only a gate on a share of rows has it"),
    ("min_records", {"meaning": " "}, "min_records.meaning: must be text, not ' '"),
    (
        "max_null_sport_pct",
        {"threshold": 5},
        "max_null_sport_pct.threshold: is a share and must lie between 0 and 1, not 5",
    ),
    ("win_rate_range", {"upper": 0.2}, "win_rate_range.upper: 0.2 is below the threshold of 0.35"),
    ("win_rate_range", {"upper": None}, "win_rate_range.upper: must be a finite number, not None"),
]


@pytest.mark.parametrize(("name", "table", "problem"), WRONG)
def test_invalid_gate_override_is_refused_with_the_problem(name: str, table: Any, problem: str) -> None:
    with pytest.raises(GatesUnusable) as error:
        gates_with({name: table})
    assert error.value.problems == (problem,)


def test_all_faults_of_a_gates_override_are_named_at_once() -> None:
    with pytest.raises(GatesUnusable) as error:
        gates_with({"luck": {}, "min_records": {"threshold": "x", "min_rows": "y"}, "source_rows": {"oops": 1}})
    assert [problem.split(":")[0] for problem in error.value.problems] == [
        "luck", "min_records.threshold", "min_records.min_rows", "source_rows.oops"
    ]  # fmt: skip


def test_override_that_repeats_every_key_of_a_gate_is_accepted() -> None:
    whole = {
        "scope": ["dataset"],
        "severity": "warn",
        "operator": ">=",
        "threshold": 5,
        "min_rows": 0,
        "meaning": "bets",
    }
    assert gate("min_records", {"min_records": whole}).threshold == 5
