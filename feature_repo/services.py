"""What a model asks for, by name. A service's list never changes; a new list is a new version."""

from feast import FeatureService

from feature_repo.on_demand import bet_clv_features, bet_features
from feature_repo.views.bet_closing_line import bet_closing_line
from feature_repo.views.bet_facts import bet_facts
from feature_repo.views.institution_stats import institution_stats
from feature_repo.views.sport_league_market_stats import sport_league_market_stats
from feature_repo.views.sport_league_stats import sport_league_stats
from feature_repo.views.sport_market_recent import sport_market_recent
from feature_repo.views.sport_market_stats import sport_market_stats
from feature_repo.views.sport_stats import sport_stats

_RECORD = [
    sport_stats,
    sport_market_stats,
    sport_market_recent,
    sport_league_stats,
    sport_league_market_stats,
    institution_stats,
]

market_profitability_v1 = FeatureService(
    name="market_profitability_v1",
    description="Record of the bet's groups, the bet itself, and its closing line: for study after the event.",
    features=[*_RECORD, bet_features, bet_clv_features],
)

# A bet's own closing line is unknown when the bet is placed, and a model that decides on bets must not see it.
market_profitability_at_placement_v1 = FeatureService(
    name="market_profitability_at_placement_v1",
    description="Record of the bet's groups and the bet itself: all that is known when it is placed.",
    features=[*_RECORD, bet_features],
)

bet_lookup_v1 = FeatureService(
    name="bet_lookup_v1",
    description="An open bet by its id: what was known at placement, and its closing line.",
    features=[bet_facts, bet_closing_line],
)
