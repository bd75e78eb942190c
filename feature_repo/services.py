"""The services of feature_repo/declarations/feature_lists.py, as Feast knows them."""

from feature_repo.declarations.feast_objects import feature_service
from feature_repo.declarations.feature_lists import (
    BET_LOOKUP_V1,
    MARKET_PROFITABILITY_AT_PLACEMENT_V1,
    MARKET_PROFITABILITY_V1,
)
from feature_repo.on_demand import bet_clv_features, bet_features
from feature_repo.views.bet_closing_line import bet_closing_line
from feature_repo.views.bet_facts import bet_facts
from feature_repo.views.institution_stats import institution_stats
from feature_repo.views.sport_league_market_stats import sport_league_market_stats
from feature_repo.views.sport_league_stats import sport_league_stats
from feature_repo.views.sport_market_recent import sport_market_recent
from feature_repo.views.sport_market_stats import sport_market_stats
from feature_repo.views.sport_stats import sport_stats

# In a dictionary, because Feast would apply a view that is a name of this module as one of its own.
_VIEWS = {
    view.name: view
    for view in (
        sport_stats,
        sport_market_stats,
        sport_market_recent,
        sport_league_stats,
        sport_league_market_stats,
        institution_stats,
        bet_facts,
        bet_closing_line,
        bet_features,
        bet_clv_features,
    )
}

market_profitability_v1 = feature_service(MARKET_PROFITABILITY_V1, _VIEWS)
market_profitability_at_placement_v1 = feature_service(MARKET_PROFITABILITY_AT_PLACEMENT_V1, _VIEWS)
bet_lookup_v1 = feature_service(BET_LOOKUP_V1, _VIEWS)
