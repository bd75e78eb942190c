"""The scorer gives what `get_online_features` gives, for bets however they are given."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import redis
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.type_map import feast_value_type_to_python_type
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo import clock, scorer
from feature_repo.bets.frame import ColumnsMissing
from feature_repo.errors import EntityKeysMissing
from feature_repo.group_keys import entity_rows
from feature_repo.online_store.layout import (
    OnlineWatermark,
    entity_key,
    feature_field,
    key_prefix,
    microseconds,
    timestamp_field,
    watermarks_key,
)
from feature_repo.scoring import Scorer, ValueStatus
from feature_repo.servers.connections import Connections
from tests.feature_repo.conftest import BETS, FACTS, REFRESHED_AT, bet

AT_PLACEMENT, EVERYTHING, LOOKUP = "market_profitability_at_placement_v1", "market_profitability_v1", "bet_lookup_v1"


@pytest.fixture(scope="module", autouse=True)
def holes(stocked: Connections) -> Iterator[None]:
    """Groups of which the store knows less than of others: a value that is null, one that is missing, no timestamp."""
    with redis.Redis.from_url(stocked.redis.url) as client:

        def key(join_key: str, value: str) -> bytes:
            return entity_key(key_prefix(join_key), value, b"pikkit")

        client.hset(key("sport", "NBA"), feature_field("sport_stats", "sport_roi"), b"")
        client.hdel(key("sport", "NBA1"), feature_field("sport_stats", "sport_count"))
        client.hdel(key("sport", "a\\|b"), timestamp_field("sport_stats"))
        client.hdel(key("sport_market", "a|d"), timestamp_field("sport_market_recent"))
        client.delete(key("institution_name", "DraftKings"))
        # One view's watermark lags behind the others, one goes beyond its rows, one is not there.
        watermarks = {"sport_stats": -2, "sport_league_stats": 3}
        for view, hours in watermarks.items():
            until = microseconds(REFRESHED_AT + timedelta(hours=hours))
            client.hset(watermarks_key("pikkit"), view, OnlineWatermark(until, b"-" * 8).packed())
        client.hdel(watermarks_key("pikkit"), "institution_stats")
        yield
        client.flushdb()  # the next module fills it anew, and finds no watermark that says it need not


@pytest.fixture
def score(store: Any) -> Scorer:
    return scorer(AT_PLACEMENT, store=store)


# ---- the same as Feast ---------------------------------------------------------------------------------------------

Told = tuple[Any, str, int]


def by_feast(store: Any, service: str, rows: list[dict[str, Any]]) -> dict[str, list[Told]]:
    """Feature -> value, status and timestamp in microseconds, for each row."""
    declared = store.get_feature_service(service)
    wanted = [field.name for view in declared.feature_view_projections for field in view.features]
    response = store.get_online_features(declared, rows).proto
    told = {
        name: [
            (feast_value_type_to_python_type(value), FieldStatus.Name(status), stamp.ToMicroseconds())
            for value, status, stamp in zip(one.values, one.statuses, one.event_timestamps, strict=True)
        ]
        for name, one in zip(response.metadata.feature_names.val, response.results, strict=True)
    }
    return {name: told[name] for name in wanted}


def by_scorer(vectors: Any) -> dict[str, list[Told]]:
    nowhen = [None] * len(vectors)
    return {
        name: [
            (value, str(status), 0 if instant is None else microseconds(instant))
            for value, status, instant in zip(
                vectors.columns[name],
                vectors.statuses[name],
                vectors.as_of.get(vectors.feature_views[name], nowhen),
                strict=True,
            )
        ]
        for name in vectors.names
    }


groups = {
    name: sorted({one[name] or "" for one in BETS} | {"unheard of", " NBA ", "a|b"})
    for name in ("sport", "league", "market", "institution_name")
}
instants = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 (Hypothesis adds the zone)
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
bets = st.fixed_dictionaries(
    {name: st.none() | st.sampled_from(values) for name, values in groups.items()}
    | {
        "bet_type": st.sampled_from([None, "straight", " PARLAY", "?"]),
        "american_odds": st.none() | st.integers(100, 100_000) | st.floats(-100_000, -100) | st.just(math.nan),
        "is_live": st.none() | st.booleans(),
        "time_placed": st.none() | instants,
        "clv_percentage": st.none() | st.floats(-100, 100) | st.just(math.nan),
    }
)
known = st.sampled_from(BETS)
hours_later = st.sampled_from([-48, 0, 0.5, 1.5, 23.5, 24.5, 27.5])


def cold(test: Any) -> Any:
    """Servers stay as they are from one example to the next."""
    return settings(max_examples=60)(test)


@pytest.mark.parametrize("service", [AT_PLACEMENT, EVERYTHING])
@cold
@given(drawn=st.lists(bets | known, min_size=1, max_size=6), hours=hours_later)
def test_scored_values_statuses_and_timestamps_are_those_of_feast(
    store: Any, service: str, drawn: list[dict[str, Any]], hours: float
) -> None:
    clock.set_now(REFRESHED_AT + timedelta(hours=hours))
    vectors = scorer(service, store=store)(drawn)
    told = by_scorer(vectors)
    assert told == by_feast(store, service, entity_rows(drawn))
    assert [list(row) for row in vectors.rows] == [[told[name][bet][0] for name in told] for bet in range(len(drawn))]


@cold
@given(ids=st.lists(st.sampled_from([*FACTS, "never placed", " full", "⚽️"]), min_size=1), hours=hours_later)
def test_scored_bets_looked_up_by_id_are_those_of_feast(store: Any, ids: list[str], hours: float) -> None:
    clock.set_now(REFRESHED_AT + timedelta(hours=hours) * 30)
    vectors = scorer(LOOKUP, store=store)([{"id": one} for one in ids])
    assert by_scorer(vectors) == by_feast(store, LOOKUP, [{"bet_id": one.strip()} for one in ids])


def test_every_status_occurs_among_the_compared_values(score: Scorer) -> None:
    clock.set_now(REFRESHED_AT + timedelta(hours=1.5))
    told = {status for statuses in score(BETS).statuses.values() for status in statuses}
    assert told == set(ValueStatus)


@pytest.mark.parametrize("hours", [0, 48])
def test_unknown_names_are_those_of_code_0_at_any_age_of_the_values(score: Scorer, hours: int) -> None:
    clock.set_now(REFRESHED_AT + timedelta(hours=hours))
    asked = [bet("a|b", "East", "money line", "x|y"), bet(None, "Eest", "Moneyline", "\\N")]
    vectors = score(asked)
    assert vectors.unknown_names == [{"market": "money line"}, {"league": "Eest", "institution_name": "\\N"}]
    columns = {"sport": "sport", "league": "league", "market": "market", "institution_name": "institution"}
    coded = [{c for c, name in columns.items() if values[f"{name}_encoded"] == 0} for values in vectors.to_dicts()]
    assert coded == [set(names) for names in vectors.unknown_names]


def test_service_without_names_in_the_request_has_no_unknown_names(store: Any) -> None:
    assert scorer(LOOKUP, store=store)([{"id": "never placed"}]).unknown_names == [{}]


@cold
@given(drawn=st.lists(bets | known, max_size=4))
def test_frames_are_scored_like_dicts(score: Scorer, drawn: list[dict[str, Any]]) -> None:
    schema = {
        **dict.fromkeys((*groups, "bet_type"), pl.String),
        **dict.fromkeys(("american_odds", "clv_percentage"), pl.Float64),
        "is_live": pl.Boolean,
        "time_placed": pl.Datetime("us", "UTC"),
    }
    polars = pl.DataFrame(drawn, schema=schema)
    rows = score(drawn).rows
    assert score(polars).rows == rows
    assert score(polars.to_pandas()).rows == rows


def test_single_bet_is_scored_like_a_list_of_that_bet(score: Scorer) -> None:
    assert score(BETS[0]).rows == score(BETS[:1]).rows != []


def test_scoring_no_bets_gives_no_vectors(score: Scorer) -> None:
    vectors = score([])
    assert (len(vectors), vectors.to_dicts(), vectors.to_numpy().shape) == (0, [], (0, len(score.names)))
    assert vectors.statuses["sport_count"] == []


def test_order_of_columns_is_that_of_the_service(store: Any, score: Scorer) -> None:
    declared = store.get_feature_service(AT_PLACEMENT)
    assert list(score.names) == [field.name for one in declared.feature_view_projections for field in one.features]
    assert score(BETS).names == score.names


def test_scorer_opens_a_store_from_the_environment(
    store: Any, stocked: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", stocked.redis.url)
    assert scorer(AT_PLACEMENT)(BETS[0]).rows == scorer(AT_PLACEMENT, store=store)(BETS[0]).rows


# ---- what comes out ------------------------------------------------------------------------------------------------


def test_ages_are_taken_at_the_clock_and_negative_where_the_store_is_ahead(score: Scorer) -> None:
    clock.set_now(REFRESHED_AT + timedelta(minutes=5))
    ages = score(bet("Soccer", None, "Moneyline", "x|y")).ages
    assert (ages["sport_market_stats"], ages["sport_league_stats"]) == (
        [timedelta(minutes=5)],
        [timedelta(minutes=5) - timedelta(hours=3)],
    )


def test_unknown_group_has_no_age(score: Scorer) -> None:
    vectors = score(bet("unheard of", None, None, None))
    assert (vectors.as_of["sport_stats"], vectors.ages["sport_stats"]) == ([None], [None])


def test_vectors_in_pandas_keep_types_when_all_values_are_null(store: Any) -> None:
    nothing = scorer(LOOKUP, store=store)([{"id": "never placed"}]).to_pandas()
    full = scorer(LOOKUP, store=store)([{"id": "full"}]).to_pandas()
    assert nothing.dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict()
    types = full.dtypes.astype(str)
    assert types[["american_odds", "amount", "is_live", "sport"]].to_list() == [
        "float64", "float64", "boolean", "string"
    ]  # fmt: skip


def test_vectors_in_pandas_hold_the_scored_values(score: Scorer) -> None:
    vectors = score(BETS)
    frame = vectors.to_pandas()
    assert list(frame.columns) == list(vectors.names)
    assert [tuple(row) for row in frame.astype(object).where(frame.notna(), None).to_numpy().tolist()] == vectors.rows
    assert vectors.to_dicts()[3] == dict(zip(vectors.names, vectors.rows[3], strict=True))


def test_vectors_in_numpy_have_nan_for_null_and_numbers_for_flags(score: Scorer) -> None:
    vectors = score([bet("NBA", None, None, None, is_live=True), bet("unheard of", None, None, None, is_live=None)])
    array = vectors.to_numpy()
    live, count = vectors.names.index("is_live"), vectors.names.index("sport_count")
    assert (array.dtype, array.shape) == (np.float64, (2, len(vectors.names)))
    np.testing.assert_equal(array[:, [live, count]], [[1.0, vectors.rows[0][count]], [math.nan, math.nan]])


def test_text_features_cannot_become_an_array(store: Any) -> None:
    with pytest.raises(ValueError, match="bet_lookup_v1 has features that are no numbers: bet_type, sport"):
        scorer(LOOKUP, store=store)([{"id": "full"}]).to_numpy()


# ---- what goes in --------------------------------------------------------------------------------------------------


def test_all_columns_that_bets_lack_are_named(score: Scorer) -> None:
    with pytest.raises(ColumnsMissing) as refused:
        score([BETS[0], {"sport": "NBA", "market": None, "institution_name": None}])
    assert refused.value.missing == ("league", "bet_type", "american_odds", "is_live", "time_placed")


def test_service_after_the_event_needs_the_closing_line(store: Any) -> None:
    placed = {name: value for name, value in BETS[0].items() if name != "clv_percentage"}
    with pytest.raises(ColumnsMissing, match="clv_percentage"):
        scorer(EVERYTHING, store=store)(placed)
    assert scorer(AT_PLACEMENT, store=store)(placed).columns["sport_count"] == [1]


def test_bet_without_an_id_is_refused_where_looked_up_by_id(store: Any) -> None:
    with pytest.raises(ColumnsMissing, match="bet_id"):
        scorer(LOOKUP, store=store)(BETS)
    with pytest.raises(EntityKeysMissing, match="1 of 2 bets have no bet_id"):
        scorer(LOOKUP, store=store)(pd.DataFrame({"bet_id": ["full", " "]}))


@pytest.mark.parametrize(("column", "value"), [("american_odds", 1.91), ("time_placed", "yesterday"), ("is_live", 2)])
def test_value_that_no_bet_can_have_is_refused(score: Scorer, column: str, value: Any) -> None:
    with pytest.raises(ValueError, match=str(value)):
        score(BETS[0] | {column: value})


# ---- threads -------------------------------------------------------------------------------------------------------


def test_threads_share_a_scorer(score: Scorer) -> None:
    clock.set_now(REFRESHED_AT)
    wanted = {number: score(BETS[number:]).rows for number in range(len(BETS))}
    wrong: list[int] = []

    def many(start: int) -> None:
        for turn in range(40):
            number = (start + turn) % len(BETS)
            if score(BETS[number:]).rows != wanted[number]:
                wrong.append(number)

    threads = [threading.Thread(target=many, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (wrong, len({rows[0] for rows in wanted.values()}) > 5) == ([], True)
