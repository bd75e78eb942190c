"""`validate` and row-by-row `BetSchema` agree on every row: the verdict, the set of reasons, and the values accepted.

Only agreement is asserted here; what is right is said in test_schema.py. Two judges that share one table of limits and
rules can differ only in how they read a value, so the values drawn are hard to read.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from ingestion.sources.json_rows import page_of
from quality.schema import BET_COLUMNS, validate
from quality.schema.instants import CLOCK_SKEW, EARLIEST
from tests.builders.hard_bets import (
    INSTANTS,
    NUMBERS,
    ODD_NUMBERS,
    ODD_TEXTS,
    in_every_column,
    json_rows,
    oddly_typed_frames,
    text_rows,
    typed_rows,
)
from tests.builders.raw_bets import GOOD, NOW, OPEN, accepted_as_row, reasons_as_row

unhurried = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@unhurried
@given(text_rows())
def test_row_and_frame_validation_agree_on_text(rows: pl.DataFrame) -> None:
    assert_agreement(rows)


@unhurried
@given(typed_rows())
def test_row_and_frame_validation_agree_at_the_limits(rows: pl.DataFrame) -> None:
    assert_agreement(rows)


@unhurried
@given(oddly_typed_frames())
def test_row_and_frame_validation_agree_on_any_physical_type(rows: pl.DataFrame) -> None:
    assert_agreement(rows)


@unhurried
@given(json_rows())
def test_row_and_frame_validation_agree_on_json_lines_with_any_neighbouring_values(rows: list[dict[str, Any]]) -> None:
    """A column that holds numbers beside names becomes text on its way into a frame, and `true` must not be a name."""
    page = page_of([json.dumps(row).encode() for row in rows])
    result, one_by_one = validate(page.rows, NOW), [reasons_as_row(row) for row in rows]
    reasons = {row: set(why) for row, why in result.rejected.select("row", "reasons").iter_rows()}
    for row, problems in enumerate(page.problems):
        if problems is None:
            assert reasons.get(row, set()) == one_by_one[row]
        else:
            assert set(problems.split("; ")) <= one_by_one[row]


# ---- every oddity in every column: what drawing may miss ------------------------------------------------------------


def test_row_and_frame_validation_agree_on_every_odd_text_in_every_column() -> None:
    good = {column: None if value is None else str(value) for column, value in GOOD.items()}
    rows = in_every_column(good, BET_COLUMNS, ODD_TEXTS)
    assert_agreement(pl.DataFrame(rows, schema=dict.fromkeys(BET_COLUMNS, pl.String)))


@pytest.mark.parametrize("grade", [{}, OPEN, {"bet_type": "parlay"}, {"amount": 0.0}, {"roi": None}], ids=str)
def test_row_and_frame_validation_agree_on_every_odd_number_in_every_column(grade: dict[str, Any]) -> None:
    rows = in_every_column({**GOOD, **grade}, NUMBERS, ODD_NUMBERS)
    assert_agreement(pl.DataFrame(rows, infer_schema_length=None, schema_overrides=dict.fromkeys(NUMBERS, pl.Float64)))


def test_row_and_frame_validation_agree_on_moments_of_any_zone_and_unit() -> None:
    zones: list[str | None] = [None, "UTC", "Asia/Kolkata", "America/New_York", "Pacific/Apia"]
    types = [pl.Datetime(unit, zone) for unit in ("ms", "us", "ns") for zone in zones]
    moments = [NOW - timedelta(days=5, microseconds=1), NOW + CLOCK_SKEW, NOW + 2 * CLOCK_SKEW, EARLIEST, None]
    rows = pl.DataFrame([GOOD] * len(moments))
    for column in INSTANTS:
        for dtype in types:
            series = pl.Series(column, moments, dtype=pl.Datetime("us", "UTC"))
            zoned = (
                series.dt.convert_time_zone(dtype.time_zone) if dtype.time_zone else series.dt.replace_time_zone(None)
            )
            assert_agreement(rows.with_columns(zoned.cast(dtype)))


@pytest.mark.parametrize("column", BET_COLUMNS)
def test_row_and_frame_validation_agree_on_missing_or_empty_columns(column: str) -> None:
    rows = pl.DataFrame([GOOD, {**GOOD, **OPEN}])
    assert_agreement(rows.drop(column))
    assert_agreement(rows.with_columns(pl.lit(None).alias(column)))
    assert_agreement(rows.rename({column: column.title()}))


def assert_agreement(rows: pl.DataFrame) -> None:
    result, singly = validate(rows, NOW), rows.to_dicts()
    reasons = {row: set(why) for row, why in result.rejected.select("row", "reasons").iter_rows()}
    assert reasons == {row: why for row, bet in enumerate(singly) if (why := reasons_as_row(bet))}
    accepted = {bet.pop("row"): bet for bet in result.accepted.to_dicts()}
    assert accepted == {row: accepted_as_row(bet) for row, bet in enumerate(singly) if row not in reasons}
