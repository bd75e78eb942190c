"""The functions of the on-demand views (feature_repo/on_demand.py), without Feast.

Feast stores the source of these functions and executes it where this module's names do not exist: everything they use
is imported inside, and their annotations are builtins. Join keys (`sport`, `institution_name`) arrive in the spelling
of feature_repo/group_keys.py, everything else plain.
"""

from collections.abc import Callable
from typing import Any, Final

from feature_repo.declarations.views import BET_CLV_FEATURES, BET_FEATURES


def _bet_features(inputs: dict[str, list]) -> dict[str, list]:  # type: ignore[type-arg]
    import pyarrow as pa

    from feature_repo.bets.odds import implied_probability
    from feature_repo.bets.vocabulary import code_instants, encode_names
    from feature_repo.clock import as_utc
    from feature_repo.columns import Column
    from feature_repo.group_keys import only_part

    placed = [as_utc(instant) for instant in inputs["time_placed"]]
    sports = [only_part(key) for key in inputs["sport"]]
    institutions = [only_part(key) for key in inputs["institution_name"]]
    # Feast hands over the instants of the rows in a training frame, and none in serving.
    known_by = code_instants(placed, inputs.get("event_timestamp"))
    return {
        "implied_prob": Column(map(implied_probability, inputs["american_odds"]), pa.float64()),
        "day_of_week": Column([None if at is None else at.weekday() for at in placed], pa.int64()),
        "hour_of_day": Column([None if at is None else at.hour for at in placed], pa.int64()),
        "sport_encoded": Column(encode_names("sport", sports, known_by), pa.int64()),
        "league_encoded": Column(encode_names("league", inputs["league"], known_by), pa.int64()),
        "market_encoded": Column(encode_names("market", inputs["market"], known_by), pa.int64()),
        "institution_encoded": Column(encode_names("institution_name", institutions, known_by), pa.int64()),
        "bet_type_encoded": Column(encode_names("bet_type", inputs["bet_type"], known_by), pa.int64()),
    }


def _bet_clv_features(inputs: dict[str, list]) -> dict[str, list]:  # type: ignore[type-arg]
    import pyarrow as pa

    from feature_repo.bets.odds import clv_expected_value
    from feature_repo.columns import Column

    clv = inputs["clv_percentage"]
    return {
        "clv_ev": Column(map(clv_expected_value, clv, inputs["american_odds"]), pa.float64()),
        "has_clv": Column([value is not None and value == value for value in clv], pa.bool_()),
    }


# View -> its function: from columns of a request to columns of features, a value per bet.
ON_DEMAND_FUNCTIONS: Final[dict[str, Callable[[dict[str, list[Any]]], dict[str, list[Any]]]]] = {
    BET_FEATURES.name: _bet_features,
    BET_CLV_FEATURES.name: _bet_clv_features,
}
