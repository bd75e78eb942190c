"""`validate` and row-by-row `BetSchema` agree on every row: the verdict, the set of reasons, and the values accepted.

Only agreement is asserted here; what is right is said in test_schema.py. Two judges that share one table of limits and
rules can differ only in how they read a value, so the values drawn are hard to read.
"""

from __future__ import annotations

import polars as pl
from hypothesis import HealthCheck, given, settings

from quality.schema import validate
from tests.quality.bets import NOW, accepted_as_row, reasons_as_row
from tests.quality.strategies import oddly_typed_frames, text_rows, typed_rows

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@unhurried
@given(text_rows())
def test_the_judges_agree_on_text(rows: pl.DataFrame) -> None:
    assert_agreement(rows)


@unhurried
@given(typed_rows())
def test_the_judges_agree_at_the_limits(rows: pl.DataFrame) -> None:
    assert_agreement(rows)


@unhurried
@given(oddly_typed_frames())
def test_the_judges_agree_on_any_physical_type(rows: pl.DataFrame) -> None:
    assert_agreement(rows)


def assert_agreement(rows: pl.DataFrame) -> None:
    result, singly = validate(rows, NOW), rows.to_dicts()
    reasons = {row: set(why) for row, why in result.rejected.select("row", "reasons").iter_rows()}
    assert reasons == {row: why for row, bet in enumerate(singly) if (why := reasons_as_row(bet))}
    accepted = {bet.pop("row"): bet for bet in result.accepted.to_dicts()}
    assert accepted == {row: accepted_as_row(bet) for row, bet in enumerate(singly) if row not in reasons}
