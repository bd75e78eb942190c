"""Keys tell groups apart and can be read back; frames and rows for Feast are made of plain bets of any kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feature_repo.bets.frame import WHITESPACE, ColumnsMissing
from feature_repo.declarations.groups import GROUPS
from feature_repo.group_keys import entity_frame, entity_rows, key_expression, make_key, only_part, split_key

parts = st.none() | st.text(alphabet=st.sampled_from("ab|\\N\n\"'⚽ ")) | st.text(max_size=200)

instants = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 (Hypothesis adds the zone)
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))]),
)
bets = st.fixed_dictionaries(
    {
        **dict.fromkeys(("sport", "league", "market", "institution_name", "bet_type"), parts),
        "american_odds": st.none() | st.integers(100, 100_000) | st.floats(-100_000, -100),
        "is_live": st.none() | st.booleans(),
        "time_placed": instants,
        "id": st.text(max_size=8),
    }
)


@given(st.lists(parts, min_size=1, max_size=3))
@example([None])
@example(["\\N"])
@example(["", None, ""])
def test_group_key_is_split_back_into_the_joined_values(values: list[str | None]) -> None:
    assert split_key(make_key(values)) == tuple(values)


@given(st.lists(st.tuples(parts, parts, parts), min_size=1))
def test_key_expression_spells_keys_as_make_key(rows: list[tuple[str | None, ...]]) -> None:
    frame = pl.DataFrame(rows, schema=dict.fromkeys("abc", pl.String), orient="row")
    keys = nw.from_native(frame).select(key=key_expression(["a", "b", "c"])).get_column("key").to_list()
    assert keys == [make_key(row) for row in rows]


@given(st.text(alphabet="aN|\\", max_size=6))
def test_text_is_either_refused_as_a_key_or_the_only_spelling_of_a_key(text: str) -> None:
    try:
        values = split_key(text)
    except ValueError:
        return
    assert make_key(values) == text


def test_key_of_a_single_ordinary_name_is_the_name() -> None:
    assert make_key(["Aussie Rules"]) == "Aussie Rules"


def test_key_of_two_parts_is_not_taken_for_a_name() -> None:
    with pytest.raises(ValueError, match="2 parts"):
        only_part("NBA|Moneyline")


@given(st.lists(bets, min_size=1))
def test_entity_rows_and_entity_frame_hold_the_same_values(drawn: list[dict[str, Any]]) -> None:
    frame = entity_frame(drawn).drop(columns="event_timestamp")
    frame = frame.astype(object).where(frame.notna(), None)
    assert frame.to_dict("records") == [{name: row[name] for name in frame.columns} for row in entity_rows(drawn)]


@given(st.lists(bets, min_size=1))
def test_frame_of_bets_gives_the_rows_of_dicts(drawn: list[dict[str, Any]]) -> None:
    from_dicts = entity_frame(drawn)
    pd.testing.assert_frame_equal(entity_frame(pd.DataFrame(drawn)), from_dicts)
    schema = {"american_odds": pl.Float64, "is_live": pl.Boolean, "time_placed": pl.Datetime("us", "UTC")}
    pd.testing.assert_frame_equal(entity_frame(pl.DataFrame(drawn, schema_overrides=schema)), from_dicts)


def test_every_join_key_is_in_the_frame_in_the_order_of_the_bets() -> None:
    frame = entity_frame([one_bet(sport="a|b"), one_bet(league=None)])
    assert frame[[group.join_key for group in GROUPS]].to_numpy().tolist() == [
        ["a\\|b", "a\\|b|Moneyline", "a\\|b|Serie A", "a\\|b|Serie A|Moneyline", "Bet365"],
        ["Soccer", "Soccer|Moneyline", "Soccer|\\N", "Soccer|\\N|Moneyline", "Bet365"],
    ]


def test_entity_frame_is_as_of_the_placement_in_utc() -> None:
    placed = datetime.fromisoformat("2026-05-24T17:00:00.000001+02:00")
    assert list(entity_frame([one_bet(time_placed=placed)])["event_timestamp"]) == [placed]


@pytest.mark.parametrize("written", ["2026-05-24T15:00:00z", "20260524T150000", "2026-05-24 17:00+02:00", 1779634800])
def test_placement_may_be_written_as_text_or_as_seconds(written: Any) -> None:
    assert entity_rows([one_bet(time_placed=written)])[0]["time_placed"] == datetime(2026, 5, 24, 15, tzinfo=UTC)


def test_entity_frame_columns_keep_types_when_every_value_is_null() -> None:
    nothing = {name: None for name in one_bet() if name != "time_placed"} | {"clv_percentage": None}
    types = entity_frame([one_bet() | nothing]).dtypes.astype(str)
    assert types[["league", "american_odds", "clv_percentage", "is_live"]].to_list() == [
        "string", "float64", "float64", "boolean"
    ]  # fmt: skip


def test_white_space_and_empty_text_are_read_as_at_ingestion() -> None:
    row = entity_rows([one_bet(sport=f"{WHITESPACE}Soccer ", league=WHITESPACE, bet_type=" Parlay")])[0]
    assert (row["sport"], row["league"], row["bet_type"]) == ("Soccer", None, "parlay")


def test_all_missing_columns_are_named_at_once() -> None:
    with pytest.raises(ColumnsMissing) as refused:
        entity_rows([one_bet(), {"sport": "Soccer", "american_odds": -110, "time_placed": None}])
    assert set(refused.value.missing) == {"league", "market", "institution_name", "bet_type", "is_live"}


def test_missing_columns_of_a_frame_are_named() -> None:
    with pytest.raises(ColumnsMissing, match="bets lack league, time_placed"):
        entity_frame(pl.DataFrame([one_bet()]).drop("league", "time_placed"))


def test_training_row_without_an_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="time_placed is missing in 1 of 2 bets"):
        entity_frame([one_bet(), one_bet(time_placed=None)])


@pytest.mark.parametrize("column", ["american_odds", "is_live", "time_placed"])
def test_value_that_a_column_cannot_hold_is_refused_by_name(column: str) -> None:
    with pytest.raises(ValueError, match=f"{column} cannot be 'evens'"):
        entity_rows([one_bet(**{column: "evens"})])


def test_no_bets_make_no_rows_and_a_frame_with_all_columns() -> None:
    assert entity_rows([]) == []
    assert {"event_timestamp", *(group.join_key for group in GROUPS)} <= set(entity_frame([]).columns)


def one_bet(**other: Any) -> dict[str, Any]:
    usual = {
        "sport": "Soccer",
        "league": "Serie A",
        "market": "Moneyline",
        "institution_name": "Bet365",
        "bet_type": "straight",
        "american_odds": -110,
        "is_live": False,
        "time_placed": datetime(2026, 5, 24, 15, tzinfo=UTC),
    }
    return usual | other
