"""How bets placed with one sportsbook have gone, as it stood at any past instant.

Grain     one row per sportsbook and instant at which the record changed, and at TTL steps between
As of     a bet counts from `known_at`, when its result was learned
Written   by `pikkit run` to features.institution_stats_changes; Feast reads it through features.institution_stats
"""

from feast import FeatureView

from feature_repo.entities import institution
from feature_repo.fields import group_fields
from feature_repo.groups import INSTITUTION_STATS
from feature_repo.sources import history

institution_stats = FeatureView(
    name=INSTITUTION_STATS.name,
    description="How bets placed with one sportsbook have gone. A group without history is null.",
    entities=[institution],
    # Runs are hourly. A day without one means that the pipeline is down, not that nothing happened.
    ttl=INSTITUTION_STATS.ttl,
    schema=group_fields(INSTITUTION_STATS, "bets with the sportsbook"),
    source=history(INSTITUTION_STATS),
)
