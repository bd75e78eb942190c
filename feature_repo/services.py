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

# Each list is written out, name by name and in order: it is what a model was trained on. A measure or field that is
# added to a view is in none of them until a new version of a service names it. `apply` refuses to change a published
# list.
#
# They stand in lists, because Feast would apply a view that is a name of this module as one of its own.
_RECORD_V1 = [
    sport_stats[
        [
            "sport_win_rate",
            "sport_roi",
            "sport_avg_bet_roi",
            "sport_count",
            "sport_edge",
            "sport_win_rate_shrunk",
            "sport_avg_clv",
        ]
    ],
    sport_market_stats[
        [
            "sport_market_win_rate",
            "sport_market_roi",
            "sport_market_avg_bet_roi",
            "sport_market_edge",
            "sport_market_win_rate_shrunk",
            "sport_market_avg_clv",
        ]
    ],
    sport_market_recent[["recent_win_rate", "recent_win_rate_50", "sport_market_count"]],
    sport_league_stats[
        [
            "sport_league_win_rate",
            "sport_league_roi",
            "sport_league_avg_bet_roi",
            "sport_league_count",
            "sport_league_edge",
            "sport_league_win_rate_shrunk",
            "sport_league_avg_clv",
        ]
    ],
    sport_league_market_stats[
        [
            "sport_league_market_win_rate",
            "sport_league_market_roi",
            "sport_league_market_avg_bet_roi",
            "sport_league_market_count",
            "sport_league_market_edge",
            "sport_league_market_win_rate_shrunk",
            "sport_league_market_avg_clv",
        ]
    ],
    institution_stats[
        [
            "institution_win_rate",
            "institution_roi",
            "institution_avg_bet_roi",
            "institution_count",
            "institution_edge",
            "institution_win_rate_shrunk",
            "institution_avg_clv",
        ]
    ],
]
_BET_V1 = [
    bet_features[
        [
            "implied_prob",
            "is_live",
            "day_of_week",
            "hour_of_day",
            "sport_encoded",
            "league_encoded",
            "market_encoded",
            "institution_encoded",
            "bet_type_encoded",
        ]
    ]
]
_CLV_V1 = [bet_clv_features[["clv_percentage", "clv_ev", "has_clv"]]]

market_profitability_v1 = FeatureService(
    name="market_profitability_v1",
    description="Record of the bet's groups, the bet itself, and its closing line: for study after the event.",
    features=[*_RECORD_V1, *_BET_V1, *_CLV_V1],
)

# A bet's own closing line is unknown when the bet is placed, and a model that decides on bets must not see it.
market_profitability_at_placement_v1 = FeatureService(
    name="market_profitability_at_placement_v1",
    description="Record of the bet's groups and the bet itself: all that is known when it is placed.",
    features=[*_RECORD_V1, *_BET_V1],
)

bet_lookup_v1 = FeatureService(
    name="bet_lookup_v1",
    description="An open bet by its id: what was known at placement, and its closing line.",
    features=[
        bet_facts[
            [
                "american_odds",
                "decimal_odds",
                "implied_prob",
                "is_live",
                "bet_type",
                "sport",
                "league",
                "market",
                "institution_name",
                "amount",
            ]
        ],
        bet_closing_line[["clv_percentage", "clv_ev", "clv_current_odds"]],
    ],
)
