"""One formula for the implied probability of a price: for one price, for a column, in SQL, and in the oracle."""

from __future__ import annotations

import re
from pathlib import Path

import narwhals as nw
import polars as pl
import psycopg
import pytest

from feature_repo.bets.odds import (
    american_of_decimal,
    american_of_decimal_expression,
    clv_expected_value,
    decimal_odds,
    implied_probability,
    implied_probability_expression,
)
from tests import oracle
from tests.conftest import REPOSITORY
from tests.house import PACKAGES

PRICES = [-1_000_000, -335, -110, -101, -100, None, 100, 101, 137, 250, 1_000_000]
IMPLIED = [implied_probability(price) for price in PRICES]

IN_SQL = re.compile(r"case when american_odds < 0 .*? end")
SQL_FILES = sorted(
    file for package in PACKAGES for file in (REPOSITORY / package).rglob("*.sql") if IN_SQL.search(file.read_text())
)


def test_implied_probability_is_that_of_the_oracle() -> None:
    fractions = [oracle.implied(price) for price in PRICES]
    assert [None if fraction is None else float(fraction) for fraction in fractions] == IMPLIED


def test_column_of_prices_implies_the_probability_of_each_price() -> None:
    frame = pl.DataFrame({"price": PRICES}, schema={"price": pl.Int64})
    of_polars = frame.select(implied_probability_expression(pl.col("price")))
    of_narwhals = nw.from_native(frame).select(implied_probability_expression(nw.col("price"))).to_native()
    of_series = implied_probability_expression(frame["price"])
    assert of_polars["price"].to_list() == of_narwhals["price"].to_list() == of_series.to_list() == IMPLIED


@pytest.mark.parametrize("file", SQL_FILES, ids=lambda file: file.stem)
def test_implied_probability_in_sql_equals_python_and_refers_to_the_formula(
    database: psycopg.Connection, file: Path
) -> None:
    text = file.read_text()
    (expression,) = IN_SQL.findall(text)
    assert "feature_repo/bets/odds.py" in text
    rows = database.execute(
        f"select ({expression})::float8 from unnest(%s::int[]) with ordinality as bet (american_odds, n) order by n",  # type: ignore[arg-type]
        [PRICES],
    ).fetchall()
    probabilities = [probability for (probability,) in rows]
    assert [probability is None for probability in probabilities] == [implied is None for implied in IMPLIED]
    known = [implied for implied in IMPLIED if implied is not None]
    assert [probability for probability in probabilities if probability is not None] == pytest.approx(known, rel=1e-12)


def test_sql_files_with_implied_probabilities_are_found() -> None:
    assert {"calibration", "win_rate_vs_implied", "price_level"} <= {file.stem for file in SQL_FILES}


def test_odds_functions_of_a_missing_price_return_none() -> None:
    assert (implied_probability(None), decimal_odds(float("nan")), clv_expected_value(2.0, None)) == (None, None, None)


@pytest.mark.parametrize("number", [-99.9, 0, 1.91, 99])
def test_number_that_no_price_can_be_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match=re.escape("inside (-100, 100)")):
        implied_probability(number)


def test_american_price_of_a_decimal_price_is_the_same_alone_and_in_a_column() -> None:
    prices = [cents / 100 for cents in range(101, 10_001)] + [1.001, 1.909091, 2.105]
    frame = pl.DataFrame({"price": prices})
    whole = frame.select((american_of_decimal_expression(pl.col("price")) + 0.5).floor().cast(pl.Int64))
    assert whole.to_series().to_list() == [american_of_decimal(price) for price in prices]
