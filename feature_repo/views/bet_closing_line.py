"""How the price of one bet compared with the market's last price before the event, the closing line.

Grain     one row per bet and instant at which its closing line became known or changed
As of     `event_timestamp` is known_at
Written   by `pikkit run` to features.bet_closing_line_changes; Feast reads it through features.bet_closing_line
"""

from feast import FeatureView
from feast.types import Float64

from feature_repo.entities import bet
from feature_repo.fields import Scale, feature, join_key
from feature_repo.groups import BET_CLOSING_LINE
from feature_repo.sources import history

bet_closing_line = FeatureView(
    name=BET_CLOSING_LINE.name,
    description="How the price of one bet compared with the closing line. Not known when the bet is placed.",
    entities=[bet],
    # As long as bet_facts, with which it is read.
    ttl=BET_CLOSING_LINE.ttl,
    schema=[
        join_key(BET_CLOSING_LINE.join_key),
        feature("clv_percentage", Float64, "How far the price taken beat the last one.", Scale.CLV, "close"),
        feature(
            "clv_ev",
            Float64,
            "Product of clv_percentage and the implied probability of the price taken.",
            Scale.CLV,
            "close",
        ),
        feature("clv_current_odds", Float64, "The market's last price.", Scale.AMERICAN_ODDS, "close"),
    ],
    source=history(BET_CLOSING_LINE),
)
