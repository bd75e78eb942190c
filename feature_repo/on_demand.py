"""Features computed from the bet itself, by the same function for training and for serving.

Feast stores the source of these functions and executes it where this module's names do not exist: everything they use
is imported inside, and their annotations are builtins. Join keys (`sport`, `institution_name`) arrive in the spelling
of feature_repo/group_keys.py, everything else plain. A field that only passes a request column on (`is_live`,
`clv_percentage`) is declared but not returned: Feast passes it on by itself, and a training frame would hold it twice.
"""

from feature_repo.declarations.feast_objects import (
    DeclaredOnDemandFeatureView,
    feast_fields,
    looked_up_views,
    request_source,
)
from feature_repo.declarations.views import BET_CLV_FEATURES, BET_FEATURES
from feature_repo.views.institution_stats import institution_stats
from feature_repo.views.sport_stats import sport_stats

bet_request = request_source("bet_request", "The bet, as it is placed.", BET_FEATURES.request)
clv_request = request_source("clv_request", "Price and closing line value of the bet.", BET_CLV_FEATURES.request)


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


bet_features = DeclaredOnDemandFeatureView(
    name=BET_FEATURES.name,
    description=BET_FEATURES.description,
    function=_bet_features,
    sources=[*looked_up_views(BET_FEATURES, (sport_stats, institution_stats)), bet_request],
    schema=feast_fields(BET_FEATURES.declared),
)


def _bet_clv_features(inputs: dict[str, list]) -> dict[str, list]:  # type: ignore[type-arg]
    import pyarrow as pa

    from feature_repo.bets.odds import clv_expected_value
    from feature_repo.columns import Column

    clv = inputs["clv_percentage"]
    return {
        "clv_ev": Column(map(clv_expected_value, clv, inputs["american_odds"]), pa.float64()),
        "has_clv": Column([value is not None and value == value for value in clv], pa.bool_()),
    }


bet_clv_features = DeclaredOnDemandFeatureView(
    name=BET_CLV_FEATURES.name,
    description=BET_CLV_FEATURES.description,
    function=_bet_clv_features,
    sources=[clv_request],
    schema=feast_fields(BET_CLV_FEATURES.declared),
)

ON_DEMAND_VIEWS = (bet_features, bet_clv_features)
