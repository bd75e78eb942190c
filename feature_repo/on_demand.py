"""Features computed from the bet itself, by the same function for training and for serving.

Feast stores the source of the functions (feature_repo/on_demand_functions.py). A field that only passes a request
column on (`is_live`, `clv_percentage`) is declared but not returned: Feast passes it on by itself, and a training frame
would hold it twice.
"""

from feature_repo.declarations.feast_objects import (
    DeclaredOnDemandFeatureView,
    feast_fields,
    looked_up_views,
    request_source,
)
from feature_repo.declarations.views import BET_CLV_FEATURES, BET_FEATURES
from feature_repo.on_demand_functions import ON_DEMAND_FUNCTIONS
from feature_repo.views.institution_stats import institution_stats
from feature_repo.views.sport_stats import sport_stats

bet_request = request_source("bet_request", "The bet, as it is placed.", BET_FEATURES.request)
clv_request = request_source("clv_request", "Price and closing line value of the bet.", BET_CLV_FEATURES.request)

bet_features = DeclaredOnDemandFeatureView(
    name=BET_FEATURES.name,
    description=BET_FEATURES.description,
    function=ON_DEMAND_FUNCTIONS[BET_FEATURES.name],
    sources=[*looked_up_views(BET_FEATURES, (sport_stats, institution_stats)), bet_request],
    schema=feast_fields(BET_FEATURES.declared),
)

bet_clv_features = DeclaredOnDemandFeatureView(
    name=BET_CLV_FEATURES.name,
    description=BET_CLV_FEATURES.description,
    function=ON_DEMAND_FUNCTIONS[BET_CLV_FEATURES.name],
    sources=[clv_request],
    schema=feast_fields(BET_CLV_FEATURES.declared),
)

ON_DEMAND_VIEWS = (bet_features, bet_clv_features)
