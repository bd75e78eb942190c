"""What a model asks for, by name, as plain data. A service's list never changes; a new list is a new version.

Nothing here needs Feast: `pikkit features` lists the services from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class FeatureList:
    """The list that a service publishes: by view, in order, the names of its features."""

    service: str
    description: str
    features: Mapping[str, tuple[str, ...]]


# Each list is written out, name by name and in order: it is what a model was trained on. A measure or field that is
# added to a view is in none of them until a new version of a service names it. `apply` refuses to change a published
# list.
_RECORD_V1 = {
    "sport_stats": (
        "sport_win_rate",
        "sport_roi",
        "sport_avg_bet_roi",
        "sport_count",
        "sport_edge",
        "sport_win_rate_shrunk",
        "sport_avg_clv",
    ),
    "sport_market_stats": (
        "sport_market_win_rate",
        "sport_market_roi",
        "sport_market_avg_bet_roi",
        "sport_market_edge",
        "sport_market_win_rate_shrunk",
        "sport_market_avg_clv",
    ),
    "sport_market_recent": (
        "recent_win_rate",
        "recent_win_rate_50",
        "sport_market_count",
    ),
    "sport_league_stats": (
        "sport_league_win_rate",
        "sport_league_roi",
        "sport_league_avg_bet_roi",
        "sport_league_count",
        "sport_league_edge",
        "sport_league_win_rate_shrunk",
        "sport_league_avg_clv",
    ),
    "sport_league_market_stats": (
        "sport_league_market_win_rate",
        "sport_league_market_roi",
        "sport_league_market_avg_bet_roi",
        "sport_league_market_count",
        "sport_league_market_edge",
        "sport_league_market_win_rate_shrunk",
        "sport_league_market_avg_clv",
    ),
    "institution_stats": (
        "institution_win_rate",
        "institution_roi",
        "institution_avg_bet_roi",
        "institution_count",
        "institution_edge",
        "institution_win_rate_shrunk",
        "institution_avg_clv",
    ),
}
_BET_V1 = {
    "bet_features": (
        "implied_prob",
        "is_live",
        "day_of_week",
        "hour_of_day",
        "sport_encoded",
        "league_encoded",
        "market_encoded",
        "institution_encoded",
        "bet_type_encoded",
    )
}
_CLV_V1 = {
    "bet_clv_features": (
        "clv_percentage",
        "clv_ev",
        "has_clv",
    )
}

MARKET_PROFITABILITY_V1: Final = FeatureList(
    service="market_profitability_v1",
    description="Record of the bet's groups, the bet itself, and its closing line: for study after the event.",
    features={**_RECORD_V1, **_BET_V1, **_CLV_V1},
)

# A bet's own closing line is unknown when the bet is placed, and a model that decides on bets must not see it.
MARKET_PROFITABILITY_AT_PLACEMENT_V1: Final = FeatureList(
    service="market_profitability_at_placement_v1",
    description="Record of the bet's groups and the bet itself: all that is known when it is placed.",
    features={**_RECORD_V1, **_BET_V1},
)

BET_LOOKUP_V1: Final = FeatureList(
    service="bet_lookup_v1",
    description="An open bet by its id: what was known at placement, and its closing line.",
    features={
        "bet_facts": (
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
        ),
        "bet_closing_line": (
            "clv_percentage",
            "clv_ev",
            "clv_current_odds",
        ),
    },
)

FEATURE_LISTS: Final = (BET_LOOKUP_V1, MARKET_PROFITABILITY_AT_PLACEMENT_V1, MARKET_PROFITABILITY_V1)
