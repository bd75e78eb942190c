"""How bets on one sport have gone, as it stood at any past instant.

Grain     one row per sport and instant at which the record changed, and at TTL steps between
As of     a bet counts from `known_at`, when its result was learned
Written   by `pikkit run` to features.sport_stats_changes; Feast reads it through features.sport_stats
"""

from feature_repo.declarations.feast_objects import stored_view
from feature_repo.declarations.views import SPORT_STATS
from feature_repo.entities import sport

sport_stats = stored_view(SPORT_STATS, sport)
