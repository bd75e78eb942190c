"""How bets on one league have gone, as it stood at any past instant.

Grain     one row per sport, league and instant at which the record changed, and at TTL steps between
As of     a bet counts from `known_at`, when its result was learned
Written   by `pikkit run` to features.sport_league_stats_changes; Feast reads it through features.sport_league_stats
"""

from feast import FeatureView

from feature_repo.entities import sport_league
from feature_repo.fields import group_fields
from feature_repo.groups import SPORT_LEAGUE_STATS
from feature_repo.sources import history

sport_league_stats = FeatureView(
    name=SPORT_LEAGUE_STATS.name,
    description="How bets on one league have gone. A group without history is null.",
    entities=[sport_league],
    # Runs are hourly. A day without one means that the pipeline is down, not that nothing happened.
    ttl=SPORT_LEAGUE_STATS.ttl,
    schema=group_fields(SPORT_LEAGUE_STATS, "bets on the league"),
    source=history(SPORT_LEAGUE_STATS),
)
