"""What is said of a batch as a whole, and of each book in it."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quality.anomalies import Baseline
from quality.evidence import BATCH_SCHEMA, GRADED, SHIFTS
from quality.gates import default_gates
from quality.shifts import SHIFT_TESTS, shifts
from tests.builders.batches import BOOKS, PLACED, completed, graded, history, nothing
from tests.builders.examples import examples

DAYS = 20
REFERENCE = history(DAYS)
BASELINE = Baseline.of(REFERENCE)
START = PLACED - timedelta(days=60 - DAYS)
LIMITS = {gate.name: float(gate.threshold) for gate in default_gates() if gate.name in SHIFT_TESTS}


def next_day(seed: int = 2, a_day: int = 600) -> pl.DataFrame:
    return history(1, a_day, seed, START).with_columns(pl.col("seq") + REFERENCE.height)


def at(book: str) -> pl.Expr:
    return pl.col("institution_name") == book


def said(batch: pl.DataFrame, reference: pl.DataFrame | None = None) -> pl.DataFrame:
    return shifts(batch, BASELINE if reference is None else Baseline.of(reference), graded(batch))


def beyond(found: pl.DataFrame) -> set[tuple[str, str | None]]:
    """The tests and segments whose score is beyond the limit."""
    over = found.filter(pl.col("score") > pl.col("test").replace_strict(LIMITS, return_dtype=pl.Float64))
    return set(over.select("test", "segment").iter_rows())


def score(found: pl.DataFrame, test: str, segment: str | None) -> float:
    same = pl.col("segment").is_null() if segment is None else pl.col("segment") == segment
    return float(found.filter((pl.col("test") == test) & same)["score"].item())


# ---- clean ----


def test_a_day_like_the_days_before_is_no_shift() -> None:
    found = said(next_day())
    assert found.schema == SHIFTS
    assert beyond(found) == set()
    assert set(found["test"]) == LIMITS.keys() - {"book_agreement", "calibration_recent"}


@given(seed=st.integers(100, 100_000), size=st.sampled_from([1, 12, 40, 150, 600]))
@examples(25)
def test_days_of_every_size_are_no_shift(seed: int, size: int) -> None:
    assert beyond(said(next_day(seed, size))) == set()


def test_every_score_is_a_number_and_not_negative() -> None:
    found = said(next_day(a_day=2000).with_columns(pl.col("amount_cents") * 100, pl.lit(999.0).alias("roi")))
    assert found["score"].is_finite().all()
    assert (found["score"] >= 0).all()


def test_first_batch_is_measured_only_by_shifts_that_need_no_earlier_bets() -> None:
    found = shifts(next_day(), Baseline.of(nothing()), graded(next_day()))
    assert set(found["test"]) == {"calibration", "win_rate_level", "payout", "duplicate_share"}
    assert beyond(found) == set()


def test_an_empty_batch_is_no_shift() -> None:
    assert beyond(shifts(nothing(), BASELINE, GRADED.to_frame())) == set()
    assert shifts(nothing(), Baseline.of(nothing()), GRADED.to_frame()).schema == SHIFTS


def test_a_new_book_without_past_raises_no_shift() -> None:
    found = said(next_day().with_columns(pl.lit("New").alias("institution_name")))
    assert found.filter(pl.col("test").is_in(["amount_level", "price_level"]))["segment"].to_list() == [None, None]


def test_bets_without_a_book_count_among_all_and_as_no_book() -> None:
    found = said(next_day().with_columns(pl.lit(None, pl.String).alias("institution_name")))
    assert found.filter(test="amount_level")["segment"].to_list() == [None]


# ---- what is not there ----


@pytest.mark.parametrize("column", BATCH_SCHEMA.names())
def test_missing_batch_or_baseline_column_raises_a_key_error_with_the_column_name(column: str) -> None:
    with pytest.raises(KeyError, match=f"the batch has no column {column}"):
        shifts(nothing().drop(column), BASELINE, GRADED.to_frame())
    with pytest.raises(KeyError, match=f"the baseline has no column {column}"):
        shifts(nothing(), Baseline.of(nothing().drop(column)), GRADED.to_frame())


@pytest.mark.parametrize("column", GRADED.names())
def test_missing_column_of_graded_bets_raises_a_key_error_with_the_column_name(column: str) -> None:
    with pytest.raises(KeyError, match=f"the graded bets has no column {column}"):
        shifts(nothing(), BASELINE, GRADED.to_frame().drop(column))


# ---- levels ----


def test_stakes_in_cents_move_the_level_of_all_and_of_every_book() -> None:
    found = beyond(said(next_day().with_columns(pl.col("amount_cents", "profit_cents") * 100)))
    assert found == {("amount_level", segment) for segment in (None, *BOOKS)}


def test_stakes_in_cents_are_a_shift_that_names_the_book() -> None:
    cents = pl.when(at("Beta")).then(100).otherwise(1)
    found = beyond(said(next_day().with_columns(pl.col("amount_cents", "profit_cents") * cents)))
    assert ("amount_level", "Beta") in found
    assert found <= {("amount_level", "Beta"), ("amount_level", None)}


def test_stakes_that_double_are_no_shift() -> None:
    assert beyond(said(next_day().with_columns(pl.col("amount_cents", "profit_cents") * 2))) == set()


def test_level_shift_is_measured_from_ten_bets_on() -> None:
    cents = next_day().with_columns(pl.col("amount_cents", "profit_cents") * 100)
    assert ("amount_level", None) in beyond(said(cents.head(10)))
    assert said(cents.head(9)).filter(test="amount_level").is_empty()


def test_few_bets_weigh_less_than_many_that_moved_as_far() -> None:
    tenfold = next_day().with_columns(pl.lit(30_000, pl.Int64).alias("amount_cents"))
    many, few = said(tenfold), said(tenfold.head(10))
    assert score(few, "amount_level", None) < 0.9 * score(many, "amount_level", None)


def test_level_of_a_book_with_few_earlier_bets_is_not_measured() -> None:
    few = pl.concat([REFERENCE.filter(~at("Beta")), REFERENCE.filter(at("Beta")).tail(99)])
    assert "Beta" not in said(next_day(), few).filter(test="amount_level")["segment"].to_list()


def test_favourites_that_turn_into_underdogs_move_the_level_of_prices() -> None:
    turned = pl.when(at("Beta")).then(-pl.col("american_odds")).otherwise("american_odds").cast(pl.Int32)
    shorter = REFERENCE.filter(pl.col("american_odds") > 0)
    batch = next_day().filter(pl.col("american_odds") > 0).with_columns(turned.alias("american_odds"))
    assert ("price_level", "Beta") in beyond(said(batch, shorter))


def test_a_day_of_another_sport_does_not_move_the_level_of_prices() -> None:
    """Races are priced longer. A day of nothing else is held against races."""
    longer = (pl.col("american_odds").abs() + pl.when(pl.col("sport") == "Racing").then(2000).otherwise(0)).cast(
        pl.Int32
    )
    batch, reference = (bets.with_columns(longer.alias("american_odds")) for bets in (next_day(), REFERENCE))
    assert score(said(batch.filter(pl.col("sport") == "Racing"), reference), "price_level", None) < 3


@pytest.mark.parametrize("factor", [100, 0.01])
def test_clv_of_a_book_in_another_unit_shifts_the_clv_spread(factor: float) -> None:
    times = pl.when(at("Gamma")).then(factor).otherwise(1)
    batch = next_day().with_columns((pl.col("clv_percentage") * times).clip(-99, 100))
    assert ("clv_spread", "Gamma") in beyond(said(batch))


def test_unmoved_closing_lines_are_no_change_of_unit() -> None:
    still = next_day().with_columns(clv_percentage=0.0, clv_current_odds=pl.col("american_odds").cast(pl.Float64))
    assert said(still).filter(test="clv_spread").is_empty()


# ---- outcomes ----


def swapped(bets: pl.DataFrame) -> pl.DataFrame:
    """Each bet with the price of the other side, and everything that follows from it."""
    other = bets.with_columns((-pl.col("american_odds")).alias("american_odds"))
    return completed(
        other.with_columns(odds=pl.col("american_odds").cast(pl.Float64)).select(
            "seq",
            "id",
            "odds",
            "american_odds",
            "amount_cents",
            "clv_current_odds",
            "sport",
            "institution_name",
            "is_win",
            "time_placed",
        )
    )


def swapped_at(book: str, bets: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([swapped(bets.filter(at(book))), bets.filter(~at(book))])


def test_swapped_prices_do_not_agree_with_outcomes_even_where_all_else_does() -> None:
    assert ("calibration", "Delta") in beyond(said(swapped_at("Delta", next_day())))


def test_only_the_book_that_swapped_columns_is_named() -> None:
    found = beyond(said(swapped_at("Delta", next_day(a_day=400))))
    assert {segment for test, segment in found if test == "calibration"} <= {"Delta", None}


def test_swaps_in_batches_too_small_to_tell_show_in_the_newest_graded_bets() -> None:
    newest = swapped_at("Delta", history(10, 200, 5, START))
    found = shifts(newest.tail(20), BASELINE, graded(newest))
    assert found.filter(test="calibration").is_empty()
    assert {found for found in beyond(found) if found[0] == "calibration_recent"} == {("calibration_recent", "Delta")}


def test_margins_that_grow_as_prices_shorten_are_no_fault_however_many_the_bets() -> None:
    """A first load of 300,000 bets was refused for a slope of a hundredth, which every book has."""
    day = history(1, a_day=100_000)
    taken = (pl.col("american_odds") < 0) & (pl.col("seq") % 10 == 0)
    with_margin = day.with_columns(is_win=pl.col("is_win") & ~taken)
    slopes = shifts(with_margin, Baseline.of(nothing()), GRADED.to_frame()).filter(pl.col("test") == "calibration")
    assert slopes["value"].max() < -0.01
    assert slopes["score"].max() == 0


def test_day_on_which_all_favourites_win_is_no_calibration_shift() -> None:
    """Favourites all win: outcomes follow prices more than they should."""
    batch = next_day()
    lucky = completed(
        batch.with_columns(is_win=pl.col("american_odds") < 0).select(
            "seq",
            "id",
            "odds",
            "american_odds",
            "amount_cents",
            "clv_current_odds",
            "sport",
            "institution_name",
            "is_win",
            "time_placed",
        )
    )
    assert score(said(lucky), "calibration", None) == 0


def test_favourites_that_win_too_seldom_at_all_prices_alike_are_no_calibration_shift() -> None:
    """Its favourites win by 20 points less than their prices say, and the shortest no less than the others."""
    favourites = history(1, 3000, 9, START).filter(pl.col("american_odds") < -110)
    unlucky = favourites.with_columns(is_win=pl.col("is_win") & (pl.col("seq") % 3 != 0))
    assert score(said(unlucky), "calibration", None) < 3


def test_calibration_of_many_bets_on_a_single_event_is_not_measured() -> None:
    one_event = swapped(next_day()).with_columns(settled_at=PLACED, league=pl.lit("EPL"))
    assert said(one_event).filter(pl.col("test").is_in(["calibration", "win_rate_level"])).is_empty()


def test_a_book_where_all_bets_lose_is_a_shift() -> None:
    never = next_day().with_columns(is_win=~at("Beta") & pl.col("is_win"))
    assert ("win_rate_level", "Beta") in beyond(said(never))


def test_open_bets_are_left_out_of_calibration_and_win_rate() -> None:
    pending = next_day().with_columns(is_win=pl.lit(None, pl.Boolean))
    assert said(pending).filter(pl.col("test").is_in(["calibration", "win_rate_level"])).is_empty()


# ---- the same bet at other books ----


def at_every_book(bets: pl.DataFrame) -> pl.DataFrame:
    """Every bet at every book, at prices that differ by a few points."""
    moved = [
        bets.with_columns(
            pl.lit(book).alias("institution_name"),
            (pl.col("american_odds") + pl.col("american_odds").sign() * (pl.col("seq") * (n + 1) % 7)).cast(pl.Int32),
            pl.format("{}-{}", "id", pl.lit(book)).alias("id"),
        )
        for n, book in enumerate(BOOKS)
    ]
    return pl.concat(moved)


def test_book_that_prices_winners_unlike_all_remaining_books_is_named() -> None:
    reference, batch = at_every_book(REFERENCE), at_every_book(next_day(a_day=100))
    assert beyond(said(batch, reference)) == set()
    other = pl.when(at("Beta")).then(-pl.col("american_odds")).otherwise("american_odds").cast(pl.Int32)
    found = beyond(said(batch.with_columns(other.alias("american_odds")), reference))
    assert {segment for test, segment in found if test == "book_agreement"} == {"Beta", None}


def test_book_that_agrees_more_than_before_is_no_agreement_shift() -> None:
    same = pl.col("american_odds").first().over("time_placed")
    batch = at_every_book(next_day(a_day=100)).with_columns(same.alias("american_odds"))
    assert score(said(batch, at_every_book(REFERENCE)), "book_agreement", "Beta") == 0


def test_agreement_of_only_two_books_is_not_measured() -> None:
    batch = at_every_book(next_day(a_day=100)).filter(at("Beta") | at("Alpha"))
    assert said(batch, at_every_book(REFERENCE)).filter(test="book_agreement").is_empty()


# ---- relations ----


def test_wins_paid_at_a_different_price_are_a_shift_that_names_the_book() -> None:
    changed = pl.when(at("Beta") & pl.col("is_win")).then(pl.col("roi") + 500).otherwise("roi")
    found = beyond(said(next_day().with_columns(changed.alias("roi"))))
    assert found == {("payout", None), ("payout", "Beta")}


def test_a_single_odd_bet_is_never_a_shift() -> None:
    one = (
        next_day().head(1).with_columns(roi=999.0, clv_percentage=90.0, odds=2.5, amount_cents=pl.lit(10**8, pl.Int64))
    )
    assert beyond(said(one)) == set()


def test_three_promotions_in_a_hundred_bets_are_no_shift() -> None:
    batch = next_day().with_columns(promoted=(pl.int_range(pl.len()) < 3).over("institution_name"))
    boosted = pl.when("promoted").then(1000.0).otherwise("roi")
    assert beyond(said(batch.with_columns(roi=boosted).drop("promoted"))) == set()


def test_clv_that_contradicts_the_prices_is_a_shift_that_names_the_book() -> None:
    changed = pl.when(at("Beta")).then(-pl.col("clv_percentage") - 3).otherwise("clv_percentage")
    found = beyond(said(next_day().with_columns(changed.alias("clv_percentage"))))
    assert {("clv_relation", None), ("clv_relation", "Beta")} <= found


def test_source_with_clv_that_never_followed_from_prices_is_no_shift() -> None:
    def other(bets: pl.DataFrame) -> pl.DataFrame:
        return bets.with_columns(-pl.col("clv_percentage") - 3)

    assert score(said(other(next_day()), other(REFERENCE)), "clv_relation", None) < 1


def test_decimal_odds_are_a_shift_that_names_the_book() -> None:
    price = pl.col("odds")
    decimal = pl.when(price > 0).then(1 + price / 100).otherwise(1 + 100 / price.abs())
    batch = next_day().with_columns(pl.when(at("Beta")).then(decimal).otherwise(price).alias("odds"))
    assert beyond(said(batch)) == {("odds_format", None), ("odds_format", "Beta")}


def test_new_book_that_breaks_a_relation_kept_by_every_known_book_is_a_shift() -> None:
    new = next_day(a_day=50).with_columns(pl.lit("New").alias("institution_name"), pl.lit(2.5).alias("odds"))
    assert ("odds_format", "New") in beyond(said(new))


def test_bets_that_come_again_under_new_ids_are_counted() -> None:
    batch = next_day()
    again = batch.head(60).with_columns(pl.format("x{}", "id").alias("id"))
    assert ("duplicate_share", None) in beyond(said(pl.concat([batch, again])))


def test_earlier_bets_that_come_again_under_new_ids_are_counted() -> None:
    again = REFERENCE.tail(60).with_columns(pl.format("x{}", "id").alias("id"), pl.col("seq") + 100_000)
    assert ("duplicate_share", None) in beyond(said(pl.concat([next_day(), again])))


def test_corrections_of_earlier_bets_are_no_duplicates() -> None:
    corrected = REFERENCE.tail(60).with_columns(pl.col("seq") + 100_000)
    assert score(said(pl.concat([next_day(), corrected])), "duplicate_share", None) == 0


# ---- what stopped arriving ----


def arrivals(batch: pl.DataFrame, reference: pl.DataFrame) -> set[tuple[str, str | None]]:
    return {
        found
        for found in beyond(shifts(batch, Baseline.of(reference), GRADED.to_frame()))
        if found[0].endswith("_arrivals")
    }


def without(bets: pl.DataFrame, segment: str, last_days: int) -> pl.DataFrame:
    kept = pl.col("time_placed") < START - timedelta(days=last_days)
    return bets.filter(kept | ((pl.col("sport") != segment) & ~at(segment)))


def test_a_sport_that_stops_for_longer_than_ever_is_named() -> None:
    batch = next_day().filter(pl.col("sport") != "Racing")
    assert arrivals(batch, without(REFERENCE, "Racing", 2)) == {("sport_arrivals", "Racing")}


def test_a_book_that_stops_for_longer_than_ever_is_named() -> None:
    assert arrivals(next_day().filter(~at("Beta")), without(REFERENCE, "Beta", 2)) == {("book_arrivals", "Beta")}


def test_a_seasonal_pause_of_a_sport_is_no_shift() -> None:
    paused = REFERENCE.filter(
        (pl.col("sport") != "Racing")
        | ~pl.col("time_placed").is_between(START - timedelta(days=9), START - timedelta(days=6))
    )
    assert arrivals(next_day().filter(pl.col("sport") != "Racing"), without(paused, "Racing", 2)) == set()


def test_sport_absent_after_a_pause_of_all_sources_is_no_shift() -> None:
    """All sources were still for four days; the first two bets after that are on one sport."""
    batch = next_day().filter(pl.col("sport") == "Soccer").head(2)
    later = batch.with_columns(pl.col("known_at") + timedelta(days=4))
    assert arrivals(later, REFERENCE) == set()


def test_sport_that_began_days_ago_and_stops_is_no_shift() -> None:
    young = REFERENCE.filter((pl.col("sport") != "Racing") | (pl.col("time_placed") > START - timedelta(days=6)))
    assert arrivals(next_day().filter(pl.col("sport") != "Racing"), without(young, "Racing", 2)) == set()


def test_sport_absent_for_a_month_is_no_shift() -> None:
    long_gone = next_day().filter(pl.col("sport") != "Racing").with_columns(pl.col("known_at") + timedelta(days=31))
    assert arrivals(long_gone, REFERENCE) == set()


# ---- as few rows as can be judged ----


@pytest.mark.parametrize(("rows", "is_judged"), [(49, False), (50, True)])
def test_calibration_and_win_rate_are_measured_from_fifty_graded_bets(rows: int, is_judged: bool) -> None:
    tests = set(said(next_day(a_day=50).head(rows))["test"])
    assert ({"calibration", "win_rate_level"} <= tests, "calibration" in tests) == (is_judged, is_judged)


@pytest.mark.parametrize(("rows", "is_judged"), [(199, False), (200, True)])
def test_recent_calibration_is_measured_from_two_hundred_graded_bets_of_a_book(rows: int, is_judged: bool) -> None:
    recent = graded(next_day(a_day=200)).head(rows).with_columns(institution_name=pl.lit("Alpha"))
    assert ("calibration_recent" in shifts(nothing(), BASELINE, recent)["test"]) == is_judged


@pytest.mark.parametrize(("rows", "is_judged"), [(29, False), (30, True)])
def test_pauses_are_measured_from_thirty_bets(rows: int, is_judged: bool) -> None:
    daily = history(30, 1).head(rows).with_columns(institution_name=pl.lit("Alpha"), sport=pl.lit("Soccer"))
    found = shifts(daily.tail(1), Baseline.of(daily.head(rows - 1)), GRADED.to_frame())
    assert ({"sport_arrivals", "book_arrivals"} <= set(found["test"])) == is_judged


@pytest.mark.parametrize(("rows", "is_judged"), [(99, False), (100, True)])
def test_levels_are_measured_from_a_hundred_earlier_bets(rows: int, is_judged: bool) -> None:
    of_a_kind = pl.col("sport") == "Soccer"
    earlier = history(1).filter(of_a_kind).head(rows)
    assert ("price_level" in said(next_day().filter(of_a_kind), earlier)["test"]) == is_judged
