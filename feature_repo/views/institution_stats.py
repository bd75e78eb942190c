"""How bets placed with one sportsbook have gone, as it stood at any past instant.

Grain     one row per sportsbook and instant at which the record changed, and at TTL steps between
As of     a bet counts from `known_at`, when its result was learned
Written   by `pikkit run` to features.institution_stats_changes; Feast reads it through features.institution_stats
"""

from feature_repo.declarations.feast_objects import stored_view
from feature_repo.declarations.views import INSTITUTION_STATS
from feature_repo.entities import institution

institution_stats = stored_view(INSTITUTION_STATS, institution)
