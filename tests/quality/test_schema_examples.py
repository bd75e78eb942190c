"""Real bets, and the dirty examples with what their makers say about each row. Skipped where there is no such data."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from quality.schema import ValidationResult, validate

DATA = Path(__file__).parents[3] / "shared" / "data"
EXAMPLES = DATA / "dirty_examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the example data does not lie beside this checkout")

# The examples are a snapshot of this instant; the corrections among them came in the hour that followed.
SNAPSHOT, AN_HOUR_LATER = datetime(2025, 3, 15, 18, tzinfo=UTC), datetime(2025, 3, 15, 19, tzinfo=UTC)

# What each kind of planted fault must give, by the first words of a reason; kinds that are not here must be accepted
# (a loss with profit 0 is a lost bonus bet).
REJECTED = {
    "03_roi_inconsistent": {
        "roi_off_by_5_points": "roi: differs",
        "roi_sign_flipped": "roi: differs",
        "roi_as_fraction_not_percent": "roi: differs",
    },
    "05_amounts": {"negative_amount": "amount: below 0", "amount_over_1m": "amount: above"},
    "06_extreme_odds": {
        "american_odds_between_-100_and_100_exclusive": "american_odds: inside",
        "american_odds_outside_10000": "american_odds: beyond",
        "odds_american_mismatch": "odds: not the price",  # judgement
        "clv_outside_100": "clv_percentage: below -100",
    },
    "11_timezones_text": {
        "epoch_milliseconds": "created_at: not an ISO 8601",  # judgement
        "us_text": "created_at: not an ISO 8601",  # judgement
        "invalid_date": "created_at: not an ISO 8601",
    },
    "15_settlement_corrections": {},
}
# +100 and -100 are one price, so turning the sign of even money plants no fault. An empty text is null, and counted.
EVEN_MONEY = {"b4808afb7e15cfb0b"}
NO_CREATED_AT = {
    "b25b112102937d504",
    "b405e0583cfc42594",
    "b8e895f6b5816d485",
    "b5d6448d1cd9ebd7c",
    "pc8fa7e9a8c433b36",
}


def judged(name: str, now: datetime = AN_HOUR_LATER) -> tuple[pl.DataFrame, ValidationResult]:
    rows = pl.read_parquet(EXAMPLES / f"{name}.parquet")
    return rows, validate(rows, now)


def test_no_real_bet_is_rejected() -> None:
    rows = pl.read_parquet(DATA / "real_bets_sample.parquet")
    assert validate(rows, datetime(2026, 5, 24, 15, tzinfo=UTC)).errors == {}


def test_no_bet_of_the_clean_base_is_rejected() -> None:
    assert judged("00_base_clean", SNAPSHOT)[1].errors == {}


@pytest.mark.parametrize("name", REJECTED)
def test_exactly_the_planted_faults_are_rejected_each_for_a_fitting_reason(name: str) -> None:
    rows, result = judged(name)
    ids = result.rejected.select("row", "reasons").with_columns(rows["id"].gather(result.rejected["row"]))
    found = dict(ids.select("id", "reasons").iter_rows())
    issues = json.loads((EXAMPLES / f"{name}.json").read_text())["issues"]
    planted = {bet: prefix for kind in issues if (prefix := REJECTED[name].get(kind["kind"])) for bet in kind["ids"]}
    far_closing_lines = set(rows.filter(pl.col("clv_percentage").is_between(100, 1_000, closed="right"))["id"])
    assert found.keys() == planted.keys() - EVEN_MONEY - NO_CREATED_AT - far_closing_lines
    assert all(any(reason.startswith(planted[bet]) for reason in reasons) for bet, reasons in found.items())


def test_timestamps_in_every_zone_and_shape_are_the_moments_of_the_clean_base() -> None:
    instants = ["id", "created_at", "updated_at", "time_placed", "settled_at"]
    read = judged("11_timezones_text")[1].accepted.select(instants).filter(~pl.col("id").is_in(NO_CREATED_AT))
    true = judged("00_base_clean")[1].accepted.select(instants)
    assert_frame_equal(read, true.filter(pl.col("id").is_in(read["id"].implode())))


def test_the_naive_timestamps_are_counted() -> None:
    rows, result = judged("11_timezones_text")
    naive = rows.select(
        pl.col("created_at", "updated_at", "time_placed", "settled_at").str.contains(r"^[-0-9]{10} [:.0-9]+$").sum()
    )
    assert result.naive_timestamps == naive.sum_horizontal().item() > 0


def test_empty_timestamps_are_null_and_counted() -> None:
    _, result = judged("11_timezones_text")
    empty = result.accepted.filter(pl.col("created_at").is_null())
    assert (set(empty["id"]), result.empty_texts) == (NO_CREATED_AT, len(NO_CREATED_AT))
