"""How bets on one market of one league have gone, as it stood at any past instant.

Grain     one row per sport, league, market and instant at which the record changed, and at TTL steps between
As of     a bet counts from `known_at`, when its result was learned
Written   by `pikkit run` to features.sport_league_market_stats_changes; Feast reads it through the view
          features.sport_league_market_stats
"""

from feature_repo.declarations.feast_objects import stored_view
from feature_repo.declarations.views import SPORT_LEAGUE_MARKET_STATS
from feature_repo.entities import sport_league_market

sport_league_market_stats = stored_view(SPORT_LEAGUE_MARKET_STATS, sport_league_market)
