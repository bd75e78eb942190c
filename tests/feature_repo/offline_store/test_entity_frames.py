"""Entity frames of all makes: the same rows however they were built, and their own columns as they were given."""

from __future__ import annotations

import doctest
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pytest
from feast import FeatureStore

from feature_repo.errors import EntityFrameUnfit
from feature_repo.offline_store.retrieval import entity_frame
from feature_repo.offline_store.retrieval.entity_frame import entity_rows_of_frame
from tests.rigs.offline_stores import HOUR, NOON, Stores, retrieve, stores

__all__ = ["stores"]

INSTANTS = [NOON, NOON - HOUR, NOON + HOUR]
NAIVE = [instant.replace(tzinfo=None) for instant in INSTANTS]
ELSEWHERE = [instant.astimezone(timezone(timedelta(hours=-4))) for instant in INSTANTS]
PLAYERS, TEAMS = ["a", "b", "a"], [1, 2, 1]
PLAYS = [("a", NOON, NOON, 1.5, 7, "x"), ("b", NOON - HOUR, NOON, 2.5, None, "y")]
RANKS = [("a", 1, NOON, 11), ("b", 2, NOON - HOUR, 22)]
EXPECTED = [[1.5, 11.0], [2.5, 22.0], [1.5, 11.0]]


def with_players(values: Any) -> pd.DataFrame:
    return pd.DataFrame({"player": values, "team": TEAMS, "event_timestamp": INSTANTS})


def with_teams(values: Any) -> pd.DataFrame:
    return pd.DataFrame({"player": PLAYERS, "team": values, "event_timestamp": INSTANTS})


def with_instants(values: Any) -> pd.DataFrame:
    return pd.DataFrame({"player": PLAYERS, "team": TEAMS, "event_timestamp": values})


FRAMES: dict[str, Any] = {
    "objects": with_players(np.array(PLAYERS, dtype=object)),
    "string[python]": with_players(pd.array(PLAYERS, "string[python]")),
    "string[pyarrow]": with_players(pd.array(PLAYERS, "string[pyarrow]")),
    "categories": with_players(pd.Categorical(PLAYERS)),
    "int32": with_teams(np.array(TEAMS, "int32")),
    "uint8": with_teams(np.array(TEAMS, "uint8")),
    "Int64": with_teams(pd.array(TEAMS, "Int64")),
    "whole floats": with_teams([1.0, 2.0, 1.0]),
    "arrow": with_teams(TEAMS).astype({"team": "int64[pyarrow]", "player": "large_string[pyarrow]"}),
    "arrow instants": with_instants(pd.array(INSTANTS, "timestamp[us, tz=UTC][pyarrow]")),
    "naive instants": with_instants(NAIVE),
    "instants elsewhere": with_instants(ELSEWHERE),
    "naive and aware": with_instants(pd.Series([NAIVE[0], ELSEWHERE[1], INSTANTS[2]], dtype=object)),
    "text": with_instants([instant.isoformat() for instant in ELSEWHERE]),
    "text of arrow": with_instants(pd.array([i.isoformat() for i in NAIVE], "string[pyarrow]")),
    "categories of text": with_instants(pd.Categorical([instant.isoformat() for instant in INSTANTS])),
    "nanoseconds": with_instants(pd.DatetimeIndex(INSTANTS).as_unit("ns")),
    "seconds": with_instants(pd.DatetimeIndex(INSTANTS).as_unit("s")),
    "an index of twins": with_teams(TEAMS).set_index(pd.Index([5, 5, 5])),
    "polars": pl.DataFrame({"player": PLAYERS, "team": TEAMS, "event_timestamp": INSTANTS}),
    "made by polars": pl.DataFrame({"player": PLAYERS, "team": TEAMS, "event_timestamp": INSTANTS}).to_pandas(
        use_pyarrow_extension_array=True
    ),
    "a query": "select * from (values ('a', 1, timestamptz '2026-05-24 12:00+00'), "
    "('b', 2, '2026-05-24 11:00+00'), ('a', 1, '2026-05-24 13:00+00')) as t (player, team, event_timestamp); ",
    "a query of other types": "select player::varchar, team::smallint, event_timestamp::timestamp "
    "from (values ('a', 1, timestamptz '2026-05-24 12:00+00'), "
    "('b', 2, '2026-05-24 11:00+00'), ('a', 1, '2026-05-24 13:00+00')) as t (player, team, event_timestamp) -- all",
}


@pytest.mark.parametrize("way", ["lookup", "as-of"])
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_entity_frames_of_pandas_polars_and_sql_give_the_same_rows(stores: Stores, frame: Any, way: str) -> None:
    with stores.filled(plays=PLAYS, teams=RANKS):
        result = retrieve(stores.ours, frame, ["narrow:score", "pairs:rank"], way=way)
    assert result[["narrow__score", "pairs__rank"]].to_numpy().tolist() == EXPECTED
    assert result["event_timestamp"].to_list() == INSTANTS
    if isinstance(frame, pd.DataFrame):
        assert result.dtypes[:2].to_list() == frame.dtypes[:2].to_list()
        assert result["player"].to_list() == frame["player"].to_list()


@pytest.mark.parametrize("way", ["lookup", "as-of"])
def test_retrieved_frame_is_writable_and_leaves_the_entity_frame_unchanged(stores: Stores, way: str) -> None:
    entities = with_players(pd.array(PLAYERS, "string[pyarrow]")).assign(weight=[1.0, 2.0, 3.0])
    with stores.filled(plays=PLAYS, teams=RANKS):
        result = retrieve(stores.ours, entities, ["narrow:score", "pairs:rank"], way=way)
    for name in result.columns:
        result.loc[0, name] = result.loc[1, name]
        assert result.loc[0, name] == result.loc[1, name]
    assert entities["weight"].to_list() == [1.0, 2.0, 3.0]
    assert entities["player"].to_list() == PLAYERS


def test_entity_rows_without_key_or_instant_stay_without_features(stores: Stores) -> None:
    frame = pd.DataFrame(
        {"player": ["a", None, "a"], "team": [1, 1, None], "event_timestamp": [None, NOON, NOON]}, index=[2, 2, 0]
    )
    for way in ("lookup", "as-of"):
        with stores.filled(plays=PLAYS, teams=RANKS):
            result = retrieve(stores.ours, frame, ["narrow:score", "pairs:rank"], way=way)
        assert result["player"].to_list() == ["a", None, "a"]
        assert result["narrow__score"].fillna(-1).to_list() == [-1, -1, 1.5]
        assert result["pairs__rank"].fillna(-1).to_list() == [-1, -1, -1]


def test_fractional_number_finds_no_integer_key(stores: Stores) -> None:
    frame = pd.DataFrame({"player": ["a", "a"], "team": [1.0, 1.5], "event_timestamp": [NOON, NOON]})
    for way in ("lookup", "as-of"):
        with stores.filled(teams=RANKS):
            assert retrieve(stores.ours, frame, ["pairs:rank"], way=way)["pairs__rank"].fillna(-1).to_list() == [11, -1]


def test_empty_entity_frame_returns_all_columns(stores: Stores) -> None:
    for frame in (with_teams(TEAMS).head(0), FRAMES["a query"].rstrip("; ") + " where false"):
        with stores.filled(plays=PLAYS):
            result = retrieve(stores.ours, frame, ["narrow:score", "narrow:shots", "narrow:note"])
        assert result.columns.to_list() == [
            "player", "team", "event_timestamp", "narrow__score", "narrow__shots", "narrow__note",
        ]  # fmt: skip
        assert len(result) == 0
        assert result["narrow__score"].dtype == "float64"


def test_event_timestamps_beyond_nanoseconds_are_read(stores: Stores) -> None:
    far = datetime(3000, 1, 1, tzinfo=UTC)
    with stores.filled(plays=[("a", NOON, NOON, 1.5, 7, "x")]):
        frame = pd.DataFrame({"player": ["a"], "event_timestamp": np.array([far], dtype=object)})
        result = retrieve(stores.ours, frame, ["endless:points"])
    assert result["event_timestamp"].to_list() == [far]
    assert result["endless__points"].to_list() == [1.5]


UNFIT: dict[str, tuple[Any, str]] = {
    "numbers for instants": (with_instants([1, 2, 3]), "does not hold instants: numbers"),
    "words for instants": (with_instants(["yesterday"] * 3), "does not hold instants"),
    "text for numbers": (with_teams(["1", "2", "1"]), "team of the entity frame holds String.*pairs.*int8"),
    "numbers for text": (with_players([1, 2, 3]), "player of the entity frame holds Int64.*text"),
    "text and numbers": (with_players(["a", 1, b"x"]), "several kinds"),
    "a column twice": (pd.concat([with_teams(TEAMS), with_teams(TEAMS)[["team"]]], axis=1), "has team twice"),
    "no instants": (with_teams(TEAMS).drop(columns="event_timestamp"), "lacks event_timestamp; it has player, team"),
}


@pytest.mark.parametrize(("frame", "message"), UNFIT.values(), ids=UNFIT.keys())
def test_unfit_entity_frame_is_refused_with_the_reason(stores: Stores, frame: Any, message: str) -> None:
    with stores.filled(plays=PLAYS, teams=RANKS), pytest.raises(EntityFrameUnfit, match=message):
        retrieve(stores.ours, frame, ["narrow:score", "pairs:rank"])


def test_entity_query_without_a_join_key_is_refused_before_any_row_is_read(stores: Stores) -> None:
    query = "select 'a' as player, now() as event_timestamp"
    with pytest.raises(EntityFrameUnfit, match="lacks team; it has player, event_timestamp"):
        stores.ours.get_historical_features(query, ["pairs:rank"])


def test_entity_column_named_like_a_feature_is_replaced_by_the_feature(stores: Stores) -> None:
    frame = with_teams(TEAMS).assign(score=-1.0)
    with stores.filled(plays=PLAYS):
        result = stores.ours.get_historical_features(frame, ["narrow:score"]).to_df()
    assert result.columns.to_list() == ["player", "team", "event_timestamp", "score"]
    assert result["score"].to_list() == [1.5, 2.5, 1.5]


def test_only_datetime_column_is_the_event_timestamp() -> None:
    frame = pd.DataFrame({"at": NAIVE, "player": PLAYERS, "day": [date(2026, 5, 24)] * 3, "id": [UUID(int=5)] * 3})
    rows = entity_rows_of_frame(frame)
    assert rows.instant_column == "at"
    assert rows.instants.to_list() == INSTANTS
    assert rows.table.column("id").to_pylist() == [str(UUID(int=5))] * 3


def test_aliases_of_views_and_join_keys_are_those_of_feast(stores: Stores) -> None:
    view = stores.ours.get_feature_view("narrow")
    home, away = (view.with_name(name).with_join_key_map({"player": name}) for name in ("home", "away"))
    from feast import FeatureService

    service = FeatureService(name="match", features=[home[["score"]], away[["score", "shots"]]])
    stores.ours.apply(service)
    frame = pd.DataFrame({"home": ["a"], "away": ["b"], "event_timestamp": [NOON]})
    with stores.filled(plays=PLAYS):
        ours, stock = (
            s.get_historical_features(frame, s.get_feature_service("match"), full_feature_names=True).to_df()
            for s in (stores.ours, FeatureStore(config=stores.stock.config))
        )
    assert ours.columns.to_list() == stock.columns.to_list()
    assert ours.drop(columns="event_timestamp").equals(stock.drop(columns="event_timestamp"))
    assert ours["home__score"].to_list() == [1.5]
    assert ours["away__score"].to_list() == [2.5]


def test_docstring_examples_of_the_entity_frame_module_pass() -> None:
    assert doctest.testmod(entity_frame).failed == 0
