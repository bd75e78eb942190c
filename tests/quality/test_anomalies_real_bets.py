"""Real bets refreshed day by day, clean and with faults planted. Skipped where there is no such data."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from benchmarks.faults import BY_BOOK, BY_DAY, SAMPLE, Plant, Refresh, Replay, damaged_by, refreshed
from quality.anomalies import Baseline, detect
from quality.evidence import BATCH_SCHEMA
from quality.schema import validate

EXAMPLES = Path(__file__).parents[3] / "shared" / "data" / "dirty_examples"
pytestmark = pytest.mark.skipif(not SAMPLE.is_file(), reason="the real sample does not lie beside this checkout")
SATURDAY = date(2026, 5, 9)


@pytest.fixture(scope="module")
def replay() -> Replay:
    return Replay(pl.read_parquet(SAMPLE))


@pytest.fixture(scope="module")
def days(replay: Replay) -> dict[date, Refresh]:
    return {day: refreshed(replay.before(day), replay.of_day(day)) for day in replay.days}


def high(refresh: Refresh) -> int:
    return refresh.flags.filter(pl.col("severity") == "high")["seq"].n_unique()


def test_of_real_bets_none_is_critical_and_at_most_a_hundredth_high(replay: Replay, days: dict[date, Refresh]) -> None:
    assert all("critical" not in refresh.flags["severity"] for refresh in days.values())
    assert sum(map(high, days.values())) <= 0.01 * replay.raw.height
    large = [day for day in replay.days if replay.of_day(day).height >= 100]
    assert all(high(days[day]) <= 0.01 * replay.of_day(day).height for day in large)


def test_no_day_of_real_bets_is_refused(days: dict[date, Refresh]) -> None:
    # The first day is smaller than the least there must be.
    assert {gate for refresh in days.values() for gate in refresh.refused_by} <= {"min_records"}
    assert sum(bool(refresh.refused_by) for refresh in days.values()) <= 1


def test_real_bets_loaded_at_once_are_not_refused(replay: Replay) -> None:
    assert refreshed(replay.accepted.clear(), replay.raw).refused_by == ()


def test_clean_base_has_no_critical_flag_and_at_most_a_hundredth_high() -> None:
    now = datetime(2025, 3, 15, 18, tzinfo=UTC)
    accepted = validate(pl.read_parquet(EXAMPLES / "00_base_clean.parquet"), now).accepted
    bets = accepted.select(pl.col("row").cast(pl.Int64).alias("seq"), pl.exclude("row"), known_at="updated_at")
    found = detect(
        bets.select(BATCH_SCHEMA.names()), Baseline.of(BATCH_SCHEMA.to_frame()), BATCH_SCHEMA.to_frame(), now
    )
    assert "critical" not in found["severity"]
    assert found.filter(pl.col("severity") == "high")["seq"].n_unique() <= 0.01 * bets.height


@pytest.mark.parametrize("fault", BY_BOOK)
def test_a_fault_of_a_single_book_on_a_saturday_is_refused(replay: Replay, fault: str) -> None:
    assert _planted(replay, BY_BOOK[fault], "Bet365").refused_by


@pytest.mark.parametrize("fault", BY_DAY)
def test_a_fault_of_a_saturday_is_refused(replay: Replay, fault: str) -> None:
    assert _planted(replay, BY_DAY[fault], None).refused_by


def _planted(replay: Replay, plant: Plant, book: str | None) -> Refresh:
    rows = replay.of_day(SATURDAY)
    faulty = plant(rows, rows if book is None else rows.filter(pl.col("institution_name") == book))
    assert damaged_by(rows, faulty)
    return refreshed(replay.before(SATURDAY), faulty)
