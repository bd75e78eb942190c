"""Every view as plain data: what feature_repo/views/ and on_demand.py make Feast's objects of.

Nothing here needs Feast, which takes seconds to import: `pikkit features` lists the views from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from feature_repo.declarations.fields import DataType, DeclaredFeature, FeatureScale, feature, group_features
from feature_repo.declarations.groups import (
    BET_CLOSING_LINE,
    BET_FACTS,
    INSTITUTION_STATS,
    SPORT_LEAGUE_MARKET_STATS,
    SPORT_LEAGUE_STATS,
    SPORT_MARKET_RECENT,
    SPORT_MARKET_STATS,
    SPORT_STATS,
    BetView,
    GroupedView,
)


@dataclass(frozen=True)
class StoredDeclaration:
    """A view whose rows are stored: its keys and TTL are those of `view`, its `entity` what it is looked up by."""

    view: GroupedView | BetView
    entity: str
    description: str
    features: tuple[DeclaredFeature, ...]


@dataclass(frozen=True)
class OnDemandDeclaration:
    """A view that is computed when it is asked for: from the columns of a request, and from features looked up.

    `looked_up` are references, `view:feature`; what they are looked up by is asked of a request too.
    """

    name: str
    description: str
    looked_up: tuple[str, ...]
    request: dict[str, DataType]
    features: tuple[DeclaredFeature, ...]


def _grouped(view: GroupedView, description: str, bets: str) -> StoredDeclaration:
    text = f"{description} A group without history is null."
    return StoredDeclaration(view, view.group.name, text, group_features(view, bets))


def _single(view: BetView, description: str, *features: DeclaredFeature) -> StoredDeclaration:
    return StoredDeclaration(view, "bet", description, features)


STORED_DECLARATIONS: Final = {
    declaration.view.name: declaration
    for declaration in (
        _grouped(SPORT_STATS, "How bets on one sport have gone.", "bets on the sport"),
        _grouped(
            SPORT_MARKET_STATS, "How bets on one market of one sport have gone.", "bets on the market of the sport"
        ),
        _grouped(
            SPORT_MARKET_RECENT,
            "How the newest bets on one market of one sport have gone.",
            "bets on the market of the sport",
        ),
        _grouped(SPORT_LEAGUE_STATS, "How bets on one league have gone.", "bets on the league"),
        _grouped(
            SPORT_LEAGUE_MARKET_STATS,
            "How bets on one market of one league have gone.",
            "bets on the market of the league",
        ),
        _grouped(INSTITUTION_STATS, "How bets placed with one sportsbook have gone.", "bets with the sportsbook"),
        _single(
            BET_FACTS,
            "What was known of one bet when it was placed.",
            feature("american_odds", "Int64", "Price taken.", FeatureScale.AMERICAN_ODDS),
            feature(
                "decimal_odds",
                "Float64",
                "Price taken, as what a winning stake of 1 pays back.",
                FeatureScale.DECIMAL_ODDS,
            ),
            feature(
                "implied_prob", "Float64", "Chance at which the price taken breaks even.", FeatureScale.PROBABILITY
            ),
            feature("is_live", "Bool", "Placed while the event was under way.", FeatureScale.FLAG),
            feature("bet_type", "String", "Kind of bet: straight, parlay, round_robin_3 and so on.", FeatureScale.TEXT),
            feature("sport", "String", "Sport, as the source names it.", FeatureScale.TEXT),
            feature("league", "String", "League, as the source names it.", FeatureScale.TEXT),
            feature("market", "String", "Market, as the source names it.", FeatureScale.TEXT),
            feature("institution_name", "String", "Sportsbook, as the source names it.", FeatureScale.TEXT),
            feature("amount", "Float64", "Stake; 0 is a free bet.", FeatureScale.MONEY),
        ),
        _single(
            BET_CLOSING_LINE,
            "How the price of one bet compared with the closing line. Not known when the bet is placed.",
            feature(
                "clv_percentage", "Float64", "How far the price taken beat the last one.", FeatureScale.CLV, "close"
            ),
            feature(
                "clv_ev",
                "Float64",
                "Product of clv_percentage and the implied probability of the price taken.",
                FeatureScale.CLV,
                "close",
            ),
            feature("clv_current_odds", "Float64", "The market's last price.", FeatureScale.AMERICAN_ODDS, "close"),
        ),
    )
}

BET_FEATURES: Final = OnDemandDeclaration(
    name="bet_features",
    description="The bet as a model sees it when it is placed.",
    # One feature of each, so that Feast asks for the join keys sport and institution_name. They are no request columns:
    # Feast looks nothing up by a join key that is also one.
    looked_up=("sport_stats:sport_count", "institution_stats:institution_count"),
    request={
        "american_odds": "Float64",
        "is_live": "Bool",
        "time_placed": "UnixTimestamp",
        "league": "String",
        "market": "String",
        "bet_type": "String",
    },
    features=(
        feature(
            "implied_prob",
            "Float64",
            "Chance at which the price breaks even; null without a price.",
            FeatureScale.PROBABILITY,
        ),
        feature("is_live", "Bool", "Placed while the event is under way.", FeatureScale.FLAG),
        feature("day_of_week", "Int64", "Day of time_placed in UTC; 0 is Monday.", FeatureScale.WEEKDAY),
        feature("hour_of_day", "Int64", "Hour of time_placed in UTC.", FeatureScale.HOUR),
        feature("sport_encoded", "Int64", "Code of the sport; 0 is unknown, null is none.", FeatureScale.CODE),
        feature("league_encoded", "Int64", "Code of the league; 0 is unknown, null is none.", FeatureScale.CODE),
        feature("market_encoded", "Int64", "Code of the market; 0 is unknown, null is none.", FeatureScale.CODE),
        feature(
            "institution_encoded", "Int64", "Code of the sportsbook; 0 is unknown, null is none.", FeatureScale.CODE
        ),
        feature("bet_type_encoded", "Int64", "Code of the kind of bet; 0 is unknown, null is none.", FeatureScale.CODE),
    ),
)

BET_CLV_FEATURES: Final = OnDemandDeclaration(
    name="bet_clv_features",
    description="How the bet's price compared with the closing line.",
    looked_up=(),
    request={"american_odds": "Float64", "clv_percentage": "Float64"},
    features=(
        feature("clv_percentage", "Float64", "How far the price taken beat the last one.", FeatureScale.CLV, "close"),
        feature("clv_ev", "Float64", "Product of clv_percentage and implied_prob.", FeatureScale.CLV, "close"),
        feature("has_clv", "Bool", "Whether the closing line value is known.", FeatureScale.FLAG, "close"),
    ),
)

ON_DEMAND_DECLARATIONS: Final = {declaration.name: declaration for declaration in (BET_CLV_FEATURES, BET_FEATURES)}

# The names of all views of this repository, of either kind.
OUR_VIEWS: Final = frozenset((*STORED_DECLARATIONS, *ON_DEMAND_DECLARATIONS))
