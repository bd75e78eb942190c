"""How bets on one league have gone, as it stood at any past instant.

Grain     one row per sport, league and instant at which the record changed, and at TTL steps between
As of     a bet counts from `known_at`, when its result was learned
Written   by `pikkit run` to features.sport_league_stats_changes; Feast reads it through features.sport_league_stats
"""

from feature_repo.declarations.feast_objects import stored_view
from feature_repo.declarations.views import SPORT_LEAGUE_STATS
from feature_repo.entities import sport_league

sport_league_stats = stored_view(SPORT_LEAGUE_STATS, sport_league)
