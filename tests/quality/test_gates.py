"""What each gate says of a refresh, one fact a test."""

from __future__ import annotations

import doctest
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

import quality.verdict
from quality.evidence import ANOMALIES, SHIFTS
from quality.gates import Judgement, Tally, default_gates, gates_with, judge_refresh
from quality.gates.measures.shifts import SHIFT_SCOPES
from tests.builders.refreshes import (
    GOOD,
    NOW,
    anomalies,
    batch,
    closing_lines,
    completeness,
    drifts,
    graded,
    intake,
    shift,
    totals,
    verdict,
)


def test_a_good_refresh_passes_every_gate() -> None:
    assert {one.state for one in judge_refresh(default_gates(), GOOD).verdicts} == {"passed"}


def bets(groups: int = 2_000, **counts: int) -> dict[str, Any]:
    """Totals of one group of so many bets, with other counts than a good one has."""
    row = {"settled": groups, "without_market": 0, "without_price": 0} | counts
    return {"totals": totals(("Golf", "Book", groups, *row.values()))}


def sports(without: int) -> dict[str, Any]:
    return {"totals": totals((None, "Book", without, 0, 0, 0), ("Golf", "Book", 1_000 - without, 0, 0, 0))}


def varied(sports: int, books: int) -> dict[str, Any]:
    """So many sports and books, beside bets without either and a sport whose bets are all gone."""
    known = [(f"sport {i}", "book 0", 9, 9, 0, 0) for i in range(sports)]
    known += [("sport 0", f"book {i}", 9, 9, 0, 0) for i in range(books)]
    return {"totals": totals(*known, (None, None, 9, 9, 0, 0), ("gone", "gone", 0, 0, 0, 0))}


def known_for(**age: int) -> dict[str, Any]:
    return {"intake": intake(newest_known_at=NOW - timedelta(**age))}


def flagged(rows: int, severity: str) -> dict[str, Any]:
    return {"anomalies": anomalies(*[(1_001 + i, "odds_outlier", severity) for i in range(rows)])}


def won(rows: int, american_odds: int = 100) -> dict[str, Any]:
    """So many of 1,000 bets at a price were won."""
    return {"graded": graded(won=rows, lost=1_000 - rows, american_odds=american_odds)}


# Each row: a gate and its scope, evidence exactly at its limit, evidence just over it.
LIMITS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("min_records", "dataset", bets(1_000), bets(999)),
    ("min_settled_pct", "dataset", bets(3_000, settled=1_500), bets(3_000, settled=1_499)),
    ("min_sports_count", "dataset", varied(3, 2), varied(2, 3)),
    ("min_books_count", "dataset", varied(3, 2), varied(3, 1)),
    ("source_rows", "batch", {"intake": intake(rows_read=1_000)}, {"intake": intake(rows_read=999)}),
    (
        "schema_pass_rate",
        "batch",
        {"intake": intake(accepted=990, quarantined=10)},
        {"intake": intake(accepted=989, quarantined=11)},
    ),
    ("max_null_sport_pct", "batch", {"batch": batch(sport=50)}, {"batch": batch(sport=51)}),
    ("max_null_market_pct", "batch", {"batch": batch(market=100)}, {"batch": batch(market=101)}),
    ("max_null_odds_pct", "batch", {"batch": batch(american_odds=10)}, {"batch": batch(american_odds=11)}),
    ("max_null_odds_pct", "batch", {"batch": batch(700, american_odds=7)}, {"batch": batch(699, american_odds=7)}),
    ("max_null_sport_pct", "dataset", sports(without=50), sports(without=51)),
    ("max_null_market_pct", "dataset", bets(1_000, without_market=100), bets(1_000, without_market=101)),
    ("max_null_odds_pct", "dataset", bets(1_000, without_price=10), bets(1_000, without_price=11)),
    ("max_clv_fraction_pct", "batch", {"batch": closing_lines(90)}, {"batch": closing_lines(91)}),
    ("data_age_warn_hours", "dataset", known_for(hours=24), known_for(hours=24, microseconds=1)),
    ("data_age_alert_hours", "dataset", known_for(hours=48), known_for(hours=48, microseconds=1)),
    ("max_data_age_days", "dataset", known_for(days=90), known_for(days=90, microseconds=1)),
    ("max_critical_anomalies", "batch", flagged(1, "high"), flagged(1, "critical")),
    ("critical_anomalies_alert", "batch", flagged(10, "critical"), flagged(11, "critical")),
    ("max_high_anomalies_pct", "batch", flagged(10, "high"), flagged(11, "high")),
    ("win_rate_range", "dataset", won(350), won(349)),
    ("win_rate_range", "dataset", won(650), won(651)),
    ("win_rate_vs_implied", "dataset", won(580), won(581)),
    ("win_rate_vs_implied", "dataset", won(380), won(379)),
    ("win_rate_vs_implied", "dataset", won(830, american_odds=-300), won(831, american_odds=-300)),
    ("win_rate_vs_implied", "dataset", won(330, american_odds=300), won(331, american_odds=300)),
    (
        "feature_completeness",
        "dataset",
        {"completeness": completeness(("a", "x", 1_000, 950))},
        {"completeness": completeness(("a", "x", 1_000, 949))},
    ),
    ("feature_drift", "dataset", {"drift": drifts(a=False, b=False)}, {"drift": drifts(a=False, b=True)}),
    ("amount_level", "batch", {"shifts": shift("amount_level", 5.0)}, {"shifts": shift("amount_level", 5.001)}),
]


@pytest.mark.parametrize(("gate", "scope", "at", "over"), LIMITS)
def test_value_at_the_limit_of_a_gate_passes(gate: str, scope: str, at: dict[str, Any], over: dict[str, Any]) -> None:
    assert verdict(gate, scope, **at).state == "passed"


@pytest.mark.parametrize(("gate", "scope", "at", "over"), LIMITS)
def test_value_just_over_the_limit_of_a_gate_fails_or_warns_by_severity(
    gate: str, scope: str, at: dict[str, Any], over: dict[str, Any]
) -> None:
    found = verdict(gate, scope, **over)
    assert found.state == ("failed" if found.severity == "fail" else "warned")


def test_every_gate_but_the_shifts_passes_at_the_limit_and_fails_past_the_limit() -> None:
    assert {gate for gate, *_ in LIMITS} | SHIFT_SCOPES.keys() == {gate.name for gate in default_gates()}


@pytest.mark.parametrize("test", SHIFT_SCOPES)
def test_every_shift_is_judged_by_the_gate_of_the_same_name(test: str) -> None:
    assert verdict(test, shifts=shift(test, 99.0)).state in ("failed", "warned")


def test_shift_fails_only_the_gate_of_the_same_name() -> None:
    found = judgement(shifts=pl.concat([GOOD.shifts, shift("amount_level", 99.0)]))
    assert [one.gate for one in found.failed] == ["amount_level"]


# ---- what a verdict says ----


def test_a_verdict_counts_the_rows_on_the_wrong_side() -> None:
    note = verdict("schema_pass_rate", intake=intake(accepted=989, quarantined=11)).note
    assert note == "11 of 1,000 rows are quarantined"


def test_a_verdict_on_missing_columns_names_the_books() -> None:
    books = pl.Series(["A"] * 30 + ["B"] * 20 + [None] * 10 + ["A"] * 940)
    lacking = batch(sport=60).with_columns(institution_name=books)
    assert verdict("max_null_sport_pct", "batch", batch=lacking).note == (
        "60 of 1,000 rows have no sport: A 30 of 970, B 20 of 20"
    )
    counted = totals((None, "A", 40, 0, 0, 0), ("Golf", "A", 400, 0, 0, 0), ("Golf", "B", 200, 0, 0, 0))
    assert verdict("max_null_sport_pct", "dataset", totals=counted).note == "40 of 640 rows have no sport: A 40 of 440"


def test_book_with_fractional_closing_lines_is_named_among_several_books() -> None:
    mixed = pl.concat([closing_lines(40, "Fractions", rows=40), closing_lines(0, "Percents", rows=500)])
    found = verdict("max_clv_fraction_pct", batch=mixed)
    assert (found.state, found.rows) == ("failed", 40)
    assert found.note == "40 of 40 rows of Fractions have a closing line value within 1 of 0, as fractions are"


def test_a_few_fractions_or_lines_that_did_not_move_are_no_batch_of_fractions() -> None:
    assert verdict("max_clv_fraction_pct", batch=closing_lines(29, rows=29)).state == "not judged"
    unmoved = closing_lines(0).with_columns(clv_percentage=pl.lit(0.0))
    assert verdict("max_clv_fraction_pct", batch=unmoved).state == "not judged"


def test_a_measured_share_is_a_fraction_from_0_to_1() -> None:
    assert verdict("max_null_sport_pct", "batch", batch=batch(sport=51)).value == 0.051


def test_a_verdict_carries_the_limit_and_the_number_of_measured_rows() -> None:
    found = verdict("win_rate_range")
    assert (found.threshold, found.rows) == ("between 0.35 and 0.65", 1_000)


def test_verdicts_come_in_the_order_of_the_configuration() -> None:
    names = [one.gate for one in judge_refresh(default_gates(), GOOD).verdicts]
    assert list(dict.fromkeys(names)) == [gate.name for gate in default_gates()]


def test_a_verdict_names_the_features_that_moved() -> None:
    assert verdict("feature_drift", drift=drifts(b=True, a=True, c=False)).note == "sport_stats.a, sport_stats.b"


def test_a_verdict_counts_the_kinds_of_the_odd_rows() -> None:
    flags = anomalies(*[(1_001 + i, "odds_outlier", "high") for i in range(20)], (1_001, "duplicate", "high"))
    note = verdict("max_high_anomalies_pct", anomalies=flags).note
    assert note == "20 of 1,000 rows are flagged: odds_outlier 20, duplicate 1"


def test_a_verdict_on_a_shift_tells_of_the_worst_segment_first() -> None:
    frames = [
        shift("payout", 6.0, segment="A"),
        shift("payout", 9.0, segment="B", rows=7),
        shift("payout", 7.0, segment=None),
    ]
    found = verdict("payout", shifts=pl.concat(frames))
    assert (found.value, found.rows, found.note) == (9.0, 7, "B: as before; all: as before; A: as before")


# ---- severities ----


def judgement(**evidence: Any) -> Judgement:
    return judge_refresh(default_gates(), replace(GOOD, **evidence))


def test_failed_gate_of_severity_fail_refuses_the_refresh() -> None:
    found = judgement(batch=batch(sport=51))
    assert ([one.gate for one in found.failed], found.passed) == (["max_null_sport_pct"], False)


def test_failed_gate_of_severity_warn_refuses_nothing_and_opens_no_alert() -> None:
    found = judgement(drift=drifts(a=True))
    assert (found.passed, [one.gate for one in found.warned], found.alerts) == (True, ["feature_drift"], ())


def test_failed_gate_of_severity_alert_opens_an_alert_and_refuses_nothing() -> None:
    found = judgement(intake=intake(newest_known_at=NOW - timedelta(hours=49)))
    assert (found.passed, [one.gate for one in found.alerts]) == (True, ["data_age_alert_hours"])


# ---- few rows ----


def test_refresh_of_a_single_odd_row_passes_every_gate() -> None:
    one_row = {"batch": batch(1), "anomalies": anomalies((1_001, "odds_outlier", "high"))}
    assert judgement(**one_row, intake=intake(accepted=1, rows_read=1, source_rows=1)).passed


def test_fewer_than_five_odd_rows_pass_at_any_share() -> None:
    flags = [(1_001 + i, "odds_outlier", "high") for i in range(5)]
    four, five = (verdict("max_high_anomalies_pct", batch=batch(8), anomalies=anomalies(*flags[:n])) for n in (4, 5))
    assert (four.state, five.state) == ("passed", "failed")


def test_an_odd_row_with_several_flags_counts_once() -> None:
    kinds = ("odds_outlier", "clv_outlier", "amount_outlier", "roi_outlier", "duplicate", "temporal_anomaly")
    flags = anomalies(*[(1_001 + i, kind, "high") for i in range(4) for kind in kinds])
    assert verdict("max_high_anomalies_pct", anomalies=flags).value == 0.004


def test_row_with_several_critical_flags_counts_once_and_also_as_high() -> None:
    flags = [(1_001 + i, kind, "critical") for i in range(11) for kind in ("odds_outlier", "duplicate")]
    both = [verdict(gate, anomalies=anomalies(*flags)) for gate in ("max_critical_anomalies", "max_high_anomalies_pct")]
    assert [one.value for one in both] == [11, 0.011]


def test_shares_of_a_small_batch_are_not_judged() -> None:
    assert verdict("max_null_sport_pct", "batch", batch=batch(99, sport=99)).state == "not judged"


def test_the_pass_rate_is_judged_from_a_hundred_rows() -> None:
    few, enough = (verdict("schema_pass_rate", intake=intake(accepted=n - 50, quarantined=50)) for n in (99, 100))
    assert (few.state, enough.state) == ("not judged", "failed")


def test_quarantine_of_1_row_in_100_passes_and_of_2_rows_fails() -> None:
    one, two = (verdict("schema_pass_rate", intake=intake(accepted=100 - n, quarantined=n)) for n in (1, 2))
    assert (one.state, two.state) == ("passed", "failed")


def test_a_segment_with_few_rows_is_not_judged() -> None:
    assert verdict("amount_level", shifts=shift("amount_level", 99.0, rows=9)).state == "not judged"


def test_verdict_on_a_shift_leaves_out_segments_with_few_rows() -> None:
    both = pl.concat([shift("amount_level", 99.0, rows=9), shift("amount_level", 6.0, segment="Large")])
    found = verdict("amount_level", shifts=both)
    assert (found.value, found.state) == (6.0, "failed")


def test_a_refresh_without_new_bets_passes() -> None:
    nothing = {"batch": batch(0), "anomalies": anomalies(), "shifts": SHIFTS.to_frame(), "drift": drifts()}
    assert judgement(**nothing, intake=intake(accepted=0, rows_read=0, source_rows=0)).passed


def test_shifts_and_drift_of_the_first_refresh_are_not_judged() -> None:
    found = judgement(shifts=SHIFTS.to_frame(), drift=drifts())
    assert {one.state for one in found.verdicts if one.gate in {*SHIFT_SCOPES, "feature_drift"}} == {"not judged"}


def test_an_empty_dataset_is_refused() -> None:
    nothing = {"batch": batch(0), "anomalies": anomalies(), "totals": totals(), "graded": graded(0, 0)}
    assert [one.gate for one in judgement(**nothing).failed] == ["min_records", "min_sports_count", "min_books_count"]


# ---- single measures ----


def test_the_row_count_gate_is_not_judged_for_a_source_without_a_count() -> None:
    assert verdict("source_rows", intake=intake(source_rows=None, rows_read=None)).state == "not judged"


def test_a_source_of_which_nothing_was_read_is_refused() -> None:
    assert verdict("source_rows", intake=intake(source_rows=5, rows_read=0)).state == "failed"


def test_more_rows_read_than_the_source_counted_pass() -> None:
    assert verdict("source_rows", intake=intake(rows_read=1_200)).value == 1.2


def test_a_bet_without_a_price_does_not_count_against_the_prices() -> None:
    mixed = pl.concat([graded(won=500, lost=500), graded(won=0, lost=900, american_odds=None)])
    assert (verdict("win_rate_vs_implied", graded=mixed).value, verdict("win_rate_vs_implied", graded=mixed).rows) == (
        0.0,
        1_000,
    )


def test_nulls_of_a_single_view_fail_the_completeness_gate() -> None:
    whole = [(f"view{i}", "x", 1_000, 1_000) for i in range(20)]
    found = verdict(
        "feature_completeness", completeness=completeness(*whole, ("b", "x", 1_000, 1_000), ("b", "y", 1_000, 800))
    )
    assert (found.value, found.state, found.note) == (0.9, "failed", "least known in b: y, 800 of 1,000")


def test_feature_without_requests_does_not_lower_the_completeness() -> None:
    assert verdict("feature_completeness", completeness=completeness(("a", "x", 0, 0), ("b", "x", 9, 9))).value == 1


def test_gate_with_a_changed_scope_is_judged_in_that_scope_only() -> None:
    gates = gates_with({"max_null_sport_pct": {"scope": ["dataset"]}})
    assert verdict("max_null_sport_pct", gates=gates).scope == "dataset"


def test_a_tally_says_why_checks_were_not_judged() -> None:
    verdicts = judge_refresh(
        default_gates(), replace(GOOD, batch=GOOD.batch.clear(), anomalies=ANOMALIES.to_frame())
    ).verdicts
    few = [replace(one, rows=5) if one.gate == "max_null_sport_pct" else one for one in verdicts]
    tally = Tally.of(few, has_new_rows=False)
    assert tally.checks == len(verdicts) == tally.judged + sum(tally.not_judged.values())
    assert {"no new rows", "too few rows"} == tally.not_judged.keys()
    assert tally.not_judged["too few rows"] == 1
    assert str(tally).startswith(f"{tally.judged} judged, 0 failed, 0 warned; ")
    assert "no new rows" not in Tally.of(few, has_new_rows=True).not_judged


def test_docstring_examples_of_the_verdict_module_pass() -> None:
    assert doctest.testmod(quality.verdict).failed == 0
