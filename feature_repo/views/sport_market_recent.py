"""How the newest bets on one market of one sport have gone, and how many there are, as it stood at any past instant.

Grain     one row per sport, market and instant at which the record changed, and at TTL steps between
As of     a bet counts from `known_at`, when its result was learned
Written   by `pikkit run` to features.sport_market_recent_changes; Feast reads it through features.sport_market_recent
"""

from feast import FeatureView

from feature_repo.entities import sport_market
from feature_repo.fields import group_fields
from feature_repo.groups import SPORT_MARKET_RECENT
from feature_repo.sources import history

sport_market_recent = FeatureView(
    name=SPORT_MARKET_RECENT.name,
    description="How the newest bets on one market of one sport have gone. A group without history is null.",
    entities=[sport_market],
    # Recent form is what an hourly run is for: one that is overdue leaves null.
    ttl=SPORT_MARKET_RECENT.ttl,
    schema=group_fields(SPORT_MARKET_RECENT, "bets on the market of the sport"),
    source=history(SPORT_MARKET_RECENT),
)
