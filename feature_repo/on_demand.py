"""Features computed from the bet itself, by the same function for training and for serving.

Feast stores the source of these functions and executes it where this module's names do not exist: everything they use
is imported inside, and their annotations are builtins. Join keys (`sport`, `institution_name`) arrive in the spelling
of feature_repo/keys.py, everything else plain. A field that only passes a request column on (`is_live`,
`clv_percentage`) is declared but not returned: Feast passes it on by itself, and a training frame would hold it twice.
"""

from feast import RequestSource
from feast.field import Field
from feast.types import Bool, Float64, Int64, String, UnixTimestamp

from feature_repo.declared import DeclaredOnDemandFeatureView
from feature_repo.fields import Scale, feature
from feature_repo.views.institution_stats import institution_stats
from feature_repo.views.sport_stats import sport_stats

bet_request = RequestSource(
    name="bet_request",
    description="The bet, as it is placed.",
    # Without sport and institution_name: Feast looks nothing up by a join key that is also a request column.
    schema=[
        Field(name="american_odds", dtype=Float64),
        Field(name="is_live", dtype=Bool),
        Field(name="time_placed", dtype=UnixTimestamp),
        Field(name="league", dtype=String),
        Field(name="market", dtype=String),
        Field(name="bet_type", dtype=String),
    ],
)

clv_request = RequestSource(
    name="clv_request",
    description="Price and closing line value of the bet.",
    schema=[Field(name="american_odds", dtype=Float64), Field(name="clv_percentage", dtype=Float64)],
)


def _bet_features(inputs: dict[str, list]) -> dict[str, list]:  # type: ignore[type-arg]
    import pyarrow as pa

    from feature_repo.columns import Column
    from feature_repo.instants import as_utc
    from feature_repo.keys import only_part
    from feature_repo.odds import implied_probability
    from feature_repo.vocabulary import encode

    placed = [as_utc(instant) for instant in inputs["time_placed"]]
    sports = [only_part(key) for key in inputs["sport"]]
    institutions = [only_part(key) for key in inputs["institution_name"]]
    return {
        "implied_prob": Column(map(implied_probability, inputs["american_odds"]), pa.float64()),
        "day_of_week": Column([None if at is None else at.weekday() for at in placed], pa.int64()),
        "hour_of_day": Column([None if at is None else at.hour for at in placed], pa.int64()),
        "sport_encoded": Column(encode("sport", sports), pa.int64()),
        "league_encoded": Column(encode("league", inputs["league"]), pa.int64()),
        "market_encoded": Column(encode("market", inputs["market"]), pa.int64()),
        "institution_encoded": Column(encode("institution_name", institutions), pa.int64()),
        "bet_type_encoded": Column(encode("bet_type", inputs["bet_type"]), pa.int64()),
    }


bet_features = DeclaredOnDemandFeatureView(
    name="bet_features",
    description="The bet as a model sees it when it is placed.",
    function=_bet_features,
    # One field of each, so that Feast asks for the join keys sport and institution_name.
    sources=[sport_stats[["sport_count"]], institution_stats[["institution_count"]], bet_request],
    schema=[
        feature(
            "implied_prob", Float64, "Chance at which the price breaks even; null without a price.", Scale.PROBABILITY
        ),
        feature("is_live", Bool, "Placed while the event is under way.", Scale.FLAG),
        feature("day_of_week", Int64, "Day of time_placed in UTC; 0 is Monday.", Scale.WEEKDAY),
        feature("hour_of_day", Int64, "Hour of time_placed in UTC.", Scale.HOUR),
        feature("sport_encoded", Int64, "Code of the sport; 0 is unknown, null is none.", Scale.CODE),
        feature("league_encoded", Int64, "Code of the league; 0 is unknown, null is none.", Scale.CODE),
        feature("market_encoded", Int64, "Code of the market; 0 is unknown, null is none.", Scale.CODE),
        feature("institution_encoded", Int64, "Code of the sportsbook; 0 is unknown, null is none.", Scale.CODE),
        feature("bet_type_encoded", Int64, "Code of the kind of bet; 0 is unknown, null is none.", Scale.CODE),
    ],
)


def _bet_clv_features(inputs: dict[str, list]) -> dict[str, list]:  # type: ignore[type-arg]
    import pyarrow as pa

    from feature_repo.columns import Column
    from feature_repo.odds import clv_expected_value

    clv = inputs["clv_percentage"]
    return {
        "clv_ev": Column(map(clv_expected_value, clv, inputs["american_odds"]), pa.float64()),
        "has_clv": Column([value is not None and value == value for value in clv], pa.bool_()),
    }


bet_clv_features = DeclaredOnDemandFeatureView(
    name="bet_clv_features",
    description="How the bet's price compared with the closing line.",
    function=_bet_clv_features,
    sources=[clv_request],
    schema=[
        feature("clv_percentage", Float64, "How far the price taken beat the last one.", Scale.CLV, "close"),
        feature("clv_ev", Float64, "Product of clv_percentage and implied_prob.", Scale.CLV, "close"),
        feature("has_clv", Bool, "Whether the closing line value is known.", Scale.FLAG, "close"),
    ],
)

ON_DEMAND_VIEWS = (bet_features, bet_clv_features)
