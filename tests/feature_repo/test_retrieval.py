"""Features of awkward groups and bets, through Feast's own two calls, on real stores."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from feature_repo.declarations.views import GROUPED_VIEWS
from feature_repo.group_keys import entity_frame, entity_rows, make_key
from tests.feature_repo.conftest import BETS, CLOSING_LINES, FACTS, REFRESHED_AT, bet

EVERYTHING = "market_profitability_v1"


def expected(features_of: dict[tuple[str, str], int]) -> list[dict[str, float]]:
    """What each of BETS must read: the numbers of its own groups."""
    return [
        {
            feature: features_of[view.name, make_key([one[column] for column in view.group.columns])]
            for view in GROUPED_VIEWS
            for feature in view.features
        }
        for one in BETS
    ]


def offline(store: Any, bets: list[dict[str, Any]]) -> pd.DataFrame:
    numbered = [one | {"id": f"{number:06}"} for number, one in enumerate(bets)]
    frame = store.get_historical_features(entity_frame(numbered), store.get_feature_service(EVERYTHING)).to_df()
    return frame.sort_values("bet_id", ignore_index=True)  # Feast's own store returns rows in any order


def online(store: Any, bets: list[dict[str, Any]]) -> pd.DataFrame:
    return store.get_online_features(store.get_feature_service(EVERYTHING), entity_rows(bets)).to_df()


def records(frame: pd.DataFrame, columns: list[str]) -> list[dict[str, Any]]:
    frame = frame[columns].astype(object)
    return frame.where(frame.notna(), None).to_dict("records")


def test_awkward_groups_are_kept_apart_offline(store: Any, features_of: Any) -> None:
    wanted = expected(features_of)
    assert records(offline(store, BETS), list(wanted[0])) == wanted


def test_awkward_groups_are_kept_apart_online(store: Any, features_of: Any) -> None:
    wanted = expected(features_of)
    assert records(online(store, BETS), list(wanted[0])) == wanted


def test_group_that_is_requested_alone_is_found_online(store: Any, features_of: Any) -> None:
    wanted = expected(features_of)
    assert [records(online(store, [one]), list(wanted[0]))[0] for one in BETS] == wanted


def test_training_and_serving_agree_on_every_feature(store: Any) -> None:
    awkward = [
        *BETS,
        bet("Soccer", "East", "Moneyline", "x|y", american_odds=None, clv_percentage=None, is_live=None),
        bet("unheard of", "", " ", "\t", bet_type="Parlay", american_odds=250.0, is_live=True, clv_percentage=-3.0),
    ]
    service = store.get_feature_service(EVERYTHING)
    features = [field.name for projection in service.feature_view_projections for field in projection.features]
    assert records(offline(store, awkward), features) == records(online(store, awkward), features)


def looked_up(retrieved: Any) -> dict[str, dict[str, Any]]:
    frame = retrieved.to_df()
    columns = [*FACTS["full"], *CLOSING_LINES["full"]]
    return dict(zip(frame["bet_id"], records(frame, columns), strict=True))


def test_open_bet_is_found_by_id_with_every_null_in_place(store: Any) -> None:
    nulls = dict.fromkeys(FACTS["full"] | CLOSING_LINES["full"])
    wanted = {"full": FACTS["full"] | CLOSING_LINES["full"], "empty": nulls, "never placed": nulls}
    service = store.get_feature_service("bet_lookup_v1")
    frame = pd.DataFrame({"bet_id": list(wanted), "event_timestamp": REFRESHED_AT})
    assert looked_up(store.get_historical_features(frame, service)) == wanted
    assert looked_up(store.get_online_features(service, [{"bet_id": bet_id} for bet_id in wanted])) == wanted


def test_missing_price_is_null_and_not_a_guess(store: Any) -> None:
    frame = online(store, [bet("NBA", None, None, None, american_odds=None)])
    assert records(frame, ["implied_prob", "clv_ev", "clv_percentage"]) == [
        {"implied_prob": None, "clv_ev": None, "clv_percentage": 2.5}
    ]


@pytest.mark.parametrize("retrieve", [offline, online])
def test_day_and_hour_are_those_of_the_placement_in_utc(store: Any, retrieve: Any) -> None:
    late_on_sunday_in_utc = datetime.fromisoformat("2026-05-25T00:30:00+02:00")
    naive = datetime(2026, 5, 25, 7, 59)  # noqa: DTZ001 (read as UTC: a Monday)
    frame = retrieve(store, [bet("NBA", None, None, None, time_placed=at) for at in (late_on_sunday_in_utc, naive)])
    assert frame[["day_of_week", "hour_of_day"]].to_numpy().tolist() == [[6, 22], [0, 7]]


@pytest.mark.parametrize("retrieve", [offline, online])
def test_category_is_encoded_by_code_and_unknown_is_not_null(store: Any, retrieve: Any) -> None:
    bets = [
        bet("a|b", "East", "Moneyline", "x|y"),
        bet("?", "?", "?", "?", bet_type="?"),
        bet(None, None, None, None, bet_type=None),
    ]
    columns = [f"{name}_encoded" for name in ("sport", "league", "market", "institution", "bet_type")]
    assert [list(row.values()) for row in records(retrieve(store, bets), columns)] == [
        [2, 1, 1, 1, 1],
        [0] * 5,
        [None] * 5,
    ]


def test_training_frame_columns_without_any_value_are_float64(store: Any) -> None:
    nothing = bet(None, None, None, None, american_odds=None, is_live=None, clv_percentage=None, bet_type=None)
    types = offline(store, [nothing]).dtypes
    for column in ("implied_prob", "clv_percentage", "clv_ev", "league_encoded", "bet_type_encoded"):
        assert types[column] == "float64"


def test_no_column_of_a_training_frame_is_there_twice(store: Any) -> None:
    columns = offline(store, BETS).columns
    assert columns.is_unique


def test_training_row_before_the_first_change_has_a_null_count(store: Any) -> None:
    before_the_first_change = datetime.now(UTC) - pd.Timedelta(days=3)
    frame = offline(store, [bet("NBA", None, None, None, time_placed=before_the_first_change)])
    assert frame["sport_count"].isna().all()


def test_missing_group_key_is_named_in_the_error(store: Any) -> None:
    rows = [{name: value for name, value in row.items() if name != "institution_name"} for row in entity_rows(BETS)]
    with pytest.raises(KeyError, match="institution_name"):
        store.get_online_features(["bet_features:sport_encoded"], rows)


def test_number_that_is_no_american_price_is_refused_online(store: Any) -> None:
    with pytest.raises(ValueError, match=r"1\.91 lie inside \(-100, 100\)"):
        online(store, [bet("NBA", None, None, None, american_odds=1.91)])


def test_bet_without_closing_line_is_enough_for_the_service_at_placement(store: Any) -> None:
    service = store.get_feature_service("market_profitability_at_placement_v1")
    placed = {name: value for name, value in BETS[0].items() if name != "clv_percentage"}
    trained = store.get_historical_features(entity_frame([placed]), service).to_df()
    served = store.get_online_features(service, entity_rows([placed])).to_df()
    assert trained["sport_count"].to_list() == served["sport_count"].to_list() == [1]
    assert "clv_percentage" not in {*trained.columns, *served.columns}
