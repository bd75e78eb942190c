"""What is flagged, how badly, and what is left alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from quality.anomalies import Baseline, Thresholds, detect
from quality.evidence import ANOMALIES, ANOMALY_KINDS, BATCH_SCHEMA, SEVERITIES
from tests.builders.batches import GOOD, NOW, PLACED, batch, history, nothing

NO_BASELINE = Baseline.of(nothing())
BASELINE = Baseline.of(history(10))


def flags(baseline: Baseline = NO_BASELINE, **changes: Any) -> dict[str, str]:
    """What GOOD with these changes is flagged with: kind -> severity."""
    found = detect(batch(changes), baseline, nothing(), NOW)
    return dict(found.select("kind", "severity").iter_rows())


def priced(american: int, **changes: Any) -> dict[str, Any]:
    """A winning bet at this price, which paid it."""
    roi = float(american) if american > 0 else 100 * 100 / abs(american)
    profit = round(3000 * roi / 100)
    now = {"clv_percentage": None, "clv_ev": None, "clv_current_odds": None}
    return {"odds": float(american), "american_odds": american, "roi": roi, "profit_cents": profit, **now, **changes}


@pytest.mark.parametrize("baseline", [NO_BASELINE, BASELINE])
def test_a_good_bet_has_no_flag(baseline: Baseline) -> None:
    assert flags(baseline) == {}


def test_flags_have_the_schema_and_names_of_anomalies() -> None:
    odd = batch({"american_odds": 50}, {"amount_cents": -1}, {"sport": None}, {"settled_at": NOW + timedelta(days=1)})
    found = detect(odd, BASELINE, nothing(), NOW)
    assert found.schema == ANOMALIES
    assert set(found["kind"]) <= set(ANOMALY_KINDS)
    assert set(found["severity"]) <= set(SEVERITIES)
    assert found["description"].null_count() == 0


def test_an_empty_batch_has_no_flag() -> None:
    assert detect(nothing(), BASELINE, nothing(), NOW).schema == ANOMALIES


# ---- what is not there ----


@pytest.mark.parametrize("column", BATCH_SCHEMA.names())
def test_missing_batch_column_raises_a_key_error_with_the_column_name(column: str) -> None:
    with pytest.raises(KeyError, match=f"the batch has no column {column}"):
        detect(batch({}).drop(column), NO_BASELINE, nothing(), NOW)


def test_missing_column_of_neighbours_or_baseline_raises_a_key_error() -> None:
    with pytest.raises(KeyError, match="neighbours has no column league"):
        detect(batch({}), NO_BASELINE, nothing().drop("league"), NOW)
    with pytest.raises(KeyError, match="the baseline has no column odds"):
        Baseline.of(nothing().drop("odds"))


def test_batch_column_of_a_wrong_type_raises_a_type_error_with_the_column_name() -> None:
    with pytest.raises(TypeError, match="american_odds"):
        detect(batch({}).with_columns(pl.col("american_odds").cast(pl.String)), NO_BASELINE, nothing(), NOW)


def test_a_clock_without_a_zone_is_an_error() -> None:
    with pytest.raises(ValueError, match="time zone"):
        detect(batch({}), NO_BASELINE, nothing(), datetime(2026, 5, 1))  # noqa: DTZ001


# ---- what the schema must never have let through ----


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"american_odds": 99, "odds": 99.0}, "odds_outlier"),
        ({"american_odds": -99, "odds": -99.0}, "odds_outlier"),
        ({"american_odds": 0, "odds": 0.0}, "odds_outlier"),
        ({"amount_cents": -1}, "amount_outlier"),
        ({"created_at": NOW + timedelta(minutes=6)}, "temporal_anomaly"),
        ({"updated_at": NOW + timedelta(minutes=6)}, "temporal_anomaly"),
        ({"time_placed": NOW + timedelta(minutes=6)}, "temporal_anomaly"),
        ({"settled_at": NOW + timedelta(minutes=6)}, "temporal_anomaly"),
        ({"profit_cents": None}, "missing_required"),
        ({"id": None}, "missing_required"),
        ({"status": None}, "missing_required"),
        ({"time_placed": None}, "missing_required"),
    ],
)
def test_values_that_no_schema_passes_are_critical(changes: dict[str, Any], kind: str) -> None:
    assert flags(**changes)[kind] == "critical"


@pytest.mark.parametrize("column", ["updated_at", "settled_at"])
def test_timestamp_five_minutes_past_the_clock_is_no_anomaly(column: str) -> None:
    assert flags(**{column: NOW + timedelta(minutes=5)}) == {}


@pytest.mark.parametrize("price", [100, -100])
def test_even_money_price_is_no_anomaly(price: int) -> None:
    assert flags(**priced(price)) == {}


def test_repeated_id_in_a_batch_is_critical_on_both_rows() -> None:
    found = detect(batch({"id": "x"}, {"id": "x"}), NO_BASELINE, nothing(), NOW)
    assert found.select("seq", "kind", "severity").rows() == [
        (1, "duplicate", "critical"),
        (2, "duplicate", "critical"),
    ]


def test_repeated_id_in_a_batch_is_not_flagged_as_a_copy_under_another_id() -> None:
    twice = {"id": "x", "time_placed": PLACED}
    found = detect(batch(twice, twice), NO_BASELINE, nothing(), NOW)
    assert not found["description"].str.contains("another id").any()


# ---- bets that are real and look broken ----

WON_AT_A_LOSS = {"roi": -25.0, "profit_cents": -750}


def test_a_dead_heat_that_cost_money_is_medium() -> None:
    assert flags(**priced(-200, **WON_AT_A_LOSS)) == {"roi_outlier": "medium"}


def test_a_dead_heat_that_paid_is_medium() -> None:
    assert flags(**priced(1000, roi=450.0, profit_cents=13_500))["roi_outlier"] == "medium"


def test_a_straight_win_at_a_loss_too_large_for_a_dead_heat_is_high() -> None:
    assert flags(**priced(-200, roi=-90.0, profit_cents=-2700)) == {"roi_outlier": "high"}


def test_a_round_robin_won_at_a_net_loss_is_low() -> None:
    assert flags(**priced(500, bet_type="round_robin_3", **WON_AT_A_LOSS)) == {"roi_outlier": "low"}


def test_a_win_without_a_price_at_a_net_loss_is_low() -> None:
    unpriced = {"american_odds": None, "odds": None, "clv_percentage": None}
    assert flags(bet_type="round_robin_3", **unpriced, **WON_AT_A_LOSS)["roi_outlier"] == "low"


@pytest.mark.parametrize("roi", [0.0, -100.0])
def test_a_lost_bonus_bet_is_low_and_breaks_no_payout(roi: float) -> None:
    lost = {"status": "SETTLED_LOSS", "is_win": False, "profit_cents": 0, "roi": roi}
    assert flags(BASELINE, **lost) == {"amount_outlier": "low"}


@pytest.mark.parametrize(("seconds", "severity"), [(60, "low"), (61, "high")])
def test_a_settlement_a_little_before_the_placement_is_that_of_another_clock(seconds: int, severity: str) -> None:
    settled_at = PLACED - timedelta(seconds=seconds)
    times = {"time_placed": PLACED, "created_at": PLACED + timedelta(seconds=5), "settled_at": settled_at}
    assert flags(**times) == {"temporal_anomaly": severity}


# ---- prices ----


def test_a_price_is_judged_on_the_scale_of_log_odds() -> None:
    """On American odds +2000 lies 19 times as far from +105 as +200 does; as a favourite it is -2000, as far out."""
    usual = Baseline.of(history(10))
    far_out = [flags(usual, **priced(price)).get("odds_outlier") for price in (300, -300, 20_000, -20_000)]
    assert far_out == [None, None, "high", "high"]


@pytest.mark.parametrize(("price", "severity"), [(1000, None), (3500, "medium"), (9900, "high")])
def test_a_price_is_odd_from_three_and_a_half_spreads_and_high_from_five(price: int, severity: str | None) -> None:
    assert flags(BASELINE, **priced(price)).get("odds_outlier") == severity


def test_without_earlier_bets_no_price_is_unusual() -> None:
    assert flags(NO_BASELINE, **priced(9900)) == {}


def test_earlier_bets_of_equal_price_do_not_make_a_different_price_odd() -> None:
    same = history(5).with_columns(pl.lit(-110, pl.Int32).alias("american_odds"))
    assert "odds_outlier" not in flags(Baseline.of(same), **priced(-105))


def test_odd_price_of_a_bet_type_with_few_earlier_bets_is_medium_and_not_high() -> None:
    assert flags(BASELINE, **priced(20_000, bet_type="parlay"))["odds_outlier"] == "medium"


def test_prices_are_compared_with_the_middle_of_the_bet_type() -> None:
    parlays = history(3, seed=2).with_columns(
        (pl.col("american_odds").abs() + 3000).alias("american_odds"), pl.lit("parlay").alias("bet_type")
    )
    both = Baseline.of(pl.concat([history(10), parlays]))
    assert "odds_outlier" not in flags(both, **priced(3200, bet_type="parlay"))
    assert "odds_outlier" in flags(both, **priced(9900))


def test_the_expected_range_is_in_american_odds() -> None:
    row = detect(batch(priced(9900)), BASELINE, nothing(), NOW).row(0, named=True)
    assert row["value"] == 9900
    assert row["expected_low"] < -500
    assert 800 < row["expected_high"] < 9900


@pytest.mark.parametrize(("baseline", "severity"), [(NO_BASELINE, "medium"), (BASELINE, "high")])
def test_decimal_price_is_high_once_the_book_is_known_to_send_american_prices(
    baseline: Baseline, severity: str
) -> None:
    assert flags(baseline, odds=2.5) == {"odds_outlier": severity}


def test_decimal_odds_of_a_book_that_always_sends_decimal_odds_have_no_flag() -> None:
    decimal = history(10).with_columns(
        pl.when(pl.col("institution_name") == "Alpha").then(2.5).otherwise("odds").alias("odds")
    )
    assert flags(Baseline.of(decimal), odds=2.5) == {}
    assert flags(Baseline.of(decimal), odds=2.5, institution_name="Beta") == {"odds_outlier": "high"}


# ---- closing lines ----


@pytest.mark.parametrize(
    ("clv", "severity"),
    [(20.0, None), (-20.0, None), (20.1, "medium"), (-30.0, "medium"), (30.1, "high"), (-31.0, "high")],
)
def test_clv_is_odd_beyond_20_percent_and_high_beyond_30(clv: float, severity: str | None) -> None:
    assert flags(clv_percentage=clv, clv_current_odds=None).get("clv_outlier") == severity


def test_a_large_clv_that_both_prices_confirm_is_not_high() -> None:
    moved = {"american_odds": 400, "odds": 400.0, "roi": 400.0, "profit_cents": 12_000, "clv_percentage": 66.6667}
    assert flags(**moved, clv_current_odds=200.0) == {"clv_outlier": "medium"}
    assert flags(**moved, clv_current_odds=300.0) == {"clv_outlier": "high"}


def test_clv_far_from_earlier_values_is_odd_even_below_20_percent() -> None:
    unconfirmed = {"clv_percentage": 19.0, "clv_current_odds": None}
    narrow = history(10).with_columns(pl.col("clv_percentage") / 10)
    assert flags(Baseline.of(narrow), **unconfirmed)["clv_outlier"] == "medium"
    assert flags(NO_BASELINE, **unconfirmed) == {}


@pytest.mark.parametrize(("baseline", "severity"), [(NO_BASELINE, "medium"), (BASELINE, "high")])
def test_clv_contradicted_by_the_two_prices_is_odd(baseline: Baseline, severity: str) -> None:
    assert flags(baseline, clv_percentage=-4.0) == {"clv_outlier": severity}


def test_clv_of_a_source_with_a_constant_offset_has_no_flag() -> None:
    other = history(10).with_columns(pl.col("clv_percentage") + 7)
    assert "clv_outlier" not in flags(Baseline.of(other), clv_percentage=11.0)


# ---- stakes ----


def test_ten_thousand_dollars_are_no_anomaly_and_a_cent_more_is_high() -> None:
    assert flags(amount_cents=1_000_000, profit_cents=1_500_000) == {}
    assert flags(amount_cents=1_000_001, profit_cents=1_500_001) == {"amount_outlier": "high"}


def test_free_bet_is_flagged_low() -> None:
    assert flags(BASELINE, amount_cents=0, roi=None) == {"amount_outlier": "low"}


def test_a_stake_is_judged_by_the_factor_to_the_usual_stake() -> None:
    """The middle is $30 and the spread a factor of 2.5: $1,500 is 4.3 spreads away, and so is 60 cents."""
    severities = [
        flags(BASELINE, amount_cents=cents, profit_cents=cents * 3 // 2).get("amount_outlier")
        for cents in (60_000, 150_000, 600_000, 60, 10)
    ]
    assert severities == [None, "medium", "high", "medium", "high"]


# ---- returns ----


@pytest.mark.parametrize(("baseline", "severity"), [(NO_BASELINE, "high"), (BASELINE, "high")])
def test_a_win_that_paid_another_price_is_high(baseline: Baseline, severity: str) -> None:
    assert flags(baseline, profit_cents=2000, roi=66.6667) == {"roi_outlier": severity}


@pytest.mark.parametrize("roi", [149.2, 150.8, 75.0])
def test_a_rounded_price_and_a_half_win_are_no_anomaly(roi: float) -> None:
    assert flags(profit_cents=round(30 * roi), roi=roi) == {}


def test_win_reduced_by_a_commission_is_medium() -> None:
    assert flags(profit_cents=4275, roi=142.5) == {"roi_outlier": "medium"}


@pytest.mark.parametrize(
    ("roi", "kinds"), [(-100.0, set()), (-50.0, set()), (-48.5, {"roi_outlier"}), (-53.0, {"roi_outlier"})]
)
def test_straight_loss_of_a_share_that_is_neither_all_nor_half_is_odd(roi: float, kinds: set[str]) -> None:
    lost = {"status": "SETTLED_LOSS", "is_win": False, "roi": roi, "profit_cents": round(30 * roi)}
    assert flags(**lost).keys() == kinds


def test_parlay_may_pay_less_than_the_price_and_not_more() -> None:
    assert flags(bet_type="parlay", roi=40.0, profit_cents=1200) == {}
    assert flags(bet_type="parlay", roi=300.0, profit_cents=9000) == {"roi_outlier": "high"}


def test_cash_out_may_return_anything_up_to_the_payout_of_the_price() -> None:
    out = {"status": "SETTLED_CASHEDOUT", "is_win": None}
    assert flags(**out, roi=-30.0, profit_cents=-900) == {}
    assert flags(**out, roi=400.0, profit_cents=12_000) == {"roi_outlier": "high"}


def test_push_at_roi_0_and_free_bet_without_roi_have_no_roi_flag() -> None:
    assert flags(status="SETTLED_PUSH", is_win=None, roi=0.0, profit_cents=0) == {}
    assert "roi_outlier" not in flags(amount_cents=0, roi=None)


def test_boosted_payout_at_a_book_that_often_boosts_is_medium_and_not_high() -> None:
    boosted = history(20).with_columns(
        pl.when((pl.col("institution_name") == "Alpha") & (pl.col("seq") % 10 == 0))
        .then(pl.col("roi") + 1000)
        .otherwise("roi")
        .alias("roi")
    )
    assert flags(Baseline.of(boosted), roi=300.0, profit_cents=9000) == {"roi_outlier": "medium"}


def test_a_return_without_a_price_is_held_against_earlier_returns() -> None:
    unpriced = {"american_odds": None, "odds": None, "clv_percentage": None, "clv_current_odds": None}
    assert flags(BASELINE, **unpriced, roi=9900.0, profit_cents=297_000)["roi_outlier"] == "medium"
    assert "roi_outlier" not in flags(BASELINE, **unpriced)


# ---- times ----


def test_a_bet_from_more_than_five_years_ago_is_odd() -> None:
    years = timedelta(days=5 * 365)
    assert flags(created_at=NOW - years, time_placed=NOW - years) == {}
    old = NOW - years - timedelta(seconds=1)
    assert flags(created_at=old, time_placed=old) == {"temporal_anomaly": "medium"}


def test_settlement_an_hour_before_the_placement_is_high() -> None:
    assert flags(settled_at=PLACED - timedelta(hours=1)) == {"temporal_anomaly": "high"}


def test_settlement_before_a_placement_taken_from_created_at_is_low() -> None:
    filled_in = {"time_placed": PLACED, "created_at": PLACED, "settled_at": PLACED - timedelta(hours=1)}
    assert flags(**filled_in) == {"temporal_anomaly": "low"}


# ---- what is missing ----


@pytest.mark.parametrize("column", ["sport", "market", "institution_name", "american_odds", "amount_cents"])
def test_missing_columns_that_features_use_are_low(column: str) -> None:
    assert flags(**{column: None}) == {"missing_required": "low"}


def test_open_bet_without_results_has_no_missing_column_flag() -> None:
    unsettled = {"status": "PENDING", "is_settled": False, "is_win": None, "settled_at": None}
    assert flags(**unsettled, profit_cents=None, roi=None, clv_percentage=None, clv_current_odds=None) == {}


def test_a_row_without_two_columns_has_a_single_flag_that_names_both() -> None:
    found = detect(batch({"sport": None, "status": None}), NO_BASELINE, nothing(), NOW)
    assert found.select("kind", "severity").rows() == [("missing_required", "critical")]
    assert found["description"].item() == "status is missing; sport is missing"


# ---- duplicates ----

SAME = {"time_placed": PLACED, "created_at": PLACED}


def duplicates(
    rows: pl.DataFrame, neighbours: pl.DataFrame | None = None, baseline: Baseline = NO_BASELINE
) -> list[int]:
    found = detect(rows, baseline, nothing() if neighbours is None else neighbours, NOW)
    return found.filter(kind="duplicate", severity="high")["seq"].to_list()


def test_the_later_of_two_equal_bets_under_different_ids_is_flagged() -> None:
    later = {**SAME, "created_at": PLACED + timedelta(minutes=5)}
    assert duplicates(batch(SAME, SAME)) == [2]
    assert duplicates(batch(later, SAME)) == [1]


def test_copy_of_an_earlier_bet_under_a_new_id_is_flagged_even_with_an_older_created_at() -> None:
    older = {**SAME, "created_at": PLACED - timedelta(days=1)}
    assert duplicates(batch(older), batch({**SAME, "id": "accepted", "seq": 99})) == [1]


def test_equal_bets_placed_milliseconds_apart_are_duplicates() -> None:
    assert duplicates(batch(SAME, {**SAME, "time_placed": PLACED + timedelta(milliseconds=900)})) == [2]


@pytest.mark.parametrize(
    "difference",
    [
        {"time_placed": PLACED + timedelta(seconds=1)},
        {"sport": "Racing"},
        {"league": "Other"},
        {"market": "Other"},
        {"institution_name": "Beta"},
        {"american_odds": 151},
        {"amount_cents": 3001},
        {"bet_type": "parlay"},
    ],
)
def test_bets_that_differ_in_any_compared_column_are_no_duplicates(difference: dict[str, Any]) -> None:
    assert duplicates(batch(SAME, {**SAME, **difference})) == []


def test_equal_bets_without_a_league_are_duplicates_and_without_a_price_are_not() -> None:
    assert duplicates(batch({**SAME, "league": None}, {**SAME, "league": None})) == [2]
    assert duplicates(batch({**SAME, "american_odds": None}, {**SAME, "american_odds": None})) == []


def test_an_earlier_version_of_a_bet_is_no_duplicate() -> None:
    assert duplicates(batch(SAME), batch(SAME)) == []


def test_equal_bets_are_not_high_where_equal_bets_are_common() -> None:
    every_fifth = history(10).filter(pl.col("seq") % 5 == 0).with_columns(pl.format("again-{}", "id").alias("id"))
    used_to_it = Baseline.of(pl.concat([history(10), every_fifth]))
    assert duplicates(batch(SAME, SAME), baseline=used_to_it) == []


# ---- all together ----


def test_lower_amount_limit_in_thresholds_flags_an_ordinary_stake() -> None:
    strict = Thresholds(amount_limit=20.0)
    assert detect(batch({}), NO_BASELINE, nothing(), NOW, strict)["severity"].to_list() == ["high"]


def test_row_has_at_most_a_single_flag_of_each_anomaly_kind() -> None:
    found = detect(
        batch({"sport": None, "amount_cents": -5, "american_odds": 7, "odds": 7.0}), BASELINE, nothing(), NOW
    )
    assert found["kind"].to_list() == ["amount_outlier", "missing_required", "odds_outlier"]


def test_batch_of_equal_faults_is_flagged_in_every_row() -> None:
    """The baseline is of earlier bets, so rows that are all odd in the same way are all flagged."""
    rows = batch(*[{"amount_cents": 2_000_000, "profit_cents": 3_000_000}] * 50)
    found = detect(rows, BASELINE, nothing(), NOW).filter(kind="amount_outlier", severity="high")
    assert found.height == 50


def test_flags_do_not_depend_on_the_order_of_rows() -> None:
    odd = pl.concat([history(3), batch({"amount_cents": -5}, SAME, SAME)]).with_columns(
        pl.int_range(pl.len()).alias("seq")
    )
    there = detect(odd, BASELINE, nothing(), NOW)
    back = detect(odd.reverse(), Baseline.of(history(10).reverse()), nothing(), NOW)
    assert there.equals(back)


def test_ordinary_bets_are_hardly_ever_high() -> None:
    fresh = history(5, seed=7)
    found = detect(fresh, BASELINE, nothing(), NOW)
    assert found.filter(pl.col("severity") == "critical").is_empty()
    assert found.filter(pl.col("severity") == "high")["seq"].n_unique() <= 0.01 * fresh.height


def test_the_good_batch_of_the_fixtures_raises_no_flag() -> None:
    assert BATCH_SCHEMA.names() == list(GOOD)


@pytest.mark.parametrize("pieces", [2, 3, 7])
def test_chunked_batch_gets_the_flags_of_the_same_batch_unchunked(pieces: int) -> None:
    whole = history(10, seed=2).with_columns(
        american_odds=pl.when(pl.col("seq") % 40 == 0).then(9000).otherwise("american_odds").cast(pl.Int32)
    )
    parts = [whole.filter(pl.col("seq") % pieces == n) for n in range(pieces)]
    apart = pl.concat(parts, rechunk=False)
    assert apart.n_chunks() == pieces
    expected = detect(whole, BASELINE, whole.head(0), NOW)
    assert expected.height > 10
    for neighbours in (whole.head(0), apart.with_columns(id=pl.lit("other-") + pl.col("id"))):
        found = detect(apart, BASELINE, neighbours, NOW)
        assert found.filter(pl.col("kind") != "duplicate").equals(expected.filter(pl.col("kind") != "duplicate"))
