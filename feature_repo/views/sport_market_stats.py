"""How bets on one market of one sport have gone, as it stood at any past instant.

Grain     one row per sport, market and instant at which the record changed, and at TTL steps between
As of     a bet counts from `known_at`, when its result was learned
Written   by `pikkit run` to features.sport_market_stats_changes; Feast reads it through features.sport_market_stats
"""

from feast import FeatureView

from feature_repo.entities import sport_market
from feature_repo.fields import group_fields
from feature_repo.groups import SPORT_MARKET_STATS
from feature_repo.sources import history

sport_market_stats = FeatureView(
    name=SPORT_MARKET_STATS.name,
    description="How bets on one market of one sport have gone. A group without history is null.",
    entities=[sport_market],
    # Runs are hourly. A day without one means that the pipeline is down, not that nothing happened.
    ttl=SPORT_MARKET_STATS.ttl,
    schema=group_fields(SPORT_MARKET_STATS, "bets on the market of the sport"),
    source=history(SPORT_MARKET_STATS),
)
