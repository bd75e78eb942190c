"""What was known of one bet when it was placed: its price, stake and categories.

Grain     one row per bet and instant at which the record of its placement changed
As of     `event_timestamp` is time_placed
Written   by `pikkit run` to features.bet_facts_changes; Feast reads it through features.bet_facts
"""

from feast import FeatureView
from feast.types import Bool, Float64, Int64, String

from feature_repo.entities import bet
from feature_repo.fields import Scale, feature, join_key
from feature_repo.groups import BET_FACTS
from feature_repo.sources import history

bet_facts = FeatureView(
    name=BET_FACTS.name,
    description="What was known of one bet when it was placed.",
    entities=[bet],
    # Longer than nearly any bet is open. A settled bet is nobody's question any more and may leave the store.
    ttl=BET_FACTS.ttl,
    schema=[
        join_key(BET_FACTS.join_key),
        feature("american_odds", Int64, "Price taken.", Scale.AMERICAN_ODDS),
        feature("decimal_odds", Float64, "Price taken, as what a winning stake of 1 pays back.", Scale.DECIMAL_ODDS),
        feature("implied_prob", Float64, "Chance at which the price taken breaks even.", Scale.PROBABILITY),
        feature("is_live", Bool, "Placed while the event was under way.", Scale.FLAG),
        feature("bet_type", String, "Kind of bet: straight, parlay, round_robin_3 and so on.", Scale.TEXT),
        feature("sport", String, "Sport, as the source names it.", Scale.TEXT),
        feature("league", String, "League, as the source names it.", Scale.TEXT),
        feature("market", String, "Market, as the source names it.", Scale.TEXT),
        feature("institution_name", String, "Sportsbook, as the source names it.", Scale.TEXT),
        feature("amount", Float64, "Stake; 0 is a free bet.", Scale.MONEY),
    ],
    source=history(BET_FACTS),
)
