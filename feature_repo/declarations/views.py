"""The ten views, as plain data: what they are looked up by, their TTLs, and their features (features.py).

feature_repo/views/ and on_demand.py make Feast's objects of them. Nothing here needs Feast, which takes seconds to
import: `pikkit features` lists the views from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from feature_repo.declarations.features import (
    BET_CLOSING_LINE_FEATURES,
    BET_FACT_FEATURES,
    COUNT,
    MEASURES,
    PLACED_BET_CLV_FEATURES,
    PLACED_BET_FEATURES,
    RECENT_MEASURES,
    DataType,
    DeclaredFeature,
    GroupFeature,
    GroupMeasure,
)
from feature_repo.declarations.groups import (
    INSTITUTION,
    SPORT,
    SPORT_LEAGUE,
    SPORT_LEAGUE_MARKET,
    SPORT_MARKET,
    Group,
)

# TTLs (rule R6). Runs are hourly. A day without one means that the pipeline is down, not that nothing happened.
DAY: Final = timedelta(hours=24)
# Recent form is what an hourly run is for: one that is overdue leaves null.
HOUR: Final = timedelta(hours=1)
# Longer than nearly any bet is open. A settled bet is nobody's question any more and may leave the store.
MONTH: Final = timedelta(days=30)


# ---- views of groups -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GroupedView:
    """A stored view over one grouping. Past its `ttl` without a run it serves null."""

    name: str
    group: Group
    ttl: timedelta
    description: str
    declared: tuple[GroupFeature, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features, in the order of its table."""
        return tuple(feature.name for feature in self.declared)

    @property
    def entity(self) -> str:
        """The entity that it is looked up by."""
        return self.group.name

    @property
    def join_key(self) -> str:
        """The column that holds the group's key."""
        return self.group.join_key


def _stats(group: Group, about: str, measures: tuple[GroupMeasure, ...] = MEASURES) -> GroupedView:
    features = tuple(measure.feature_of(group) for measure in measures)
    return GroupedView(f"{group.name}_stats", group, DAY, f"{about} A group without history is null.", features)


SPORT_STATS: Final = _stats(SPORT, "How bets on one sport have gone.")
# The count stands in sport_market_recent, whose shorter TTL it shares; a feature has one home.
SPORT_MARKET_STATS: Final = _stats(
    SPORT_MARKET,
    "How bets on one market of one sport have gone.",
    tuple(measure for measure in MEASURES if measure is not COUNT),
)
SPORT_MARKET_RECENT: Final = GroupedView(
    "sport_market_recent",
    SPORT_MARKET,
    HOUR,
    "How the newest bets on one market of one sport have gone. A group without history is null.",
    (*(measure.feature_of_only(SPORT_MARKET) for measure in RECENT_MEASURES), COUNT.feature_of(SPORT_MARKET)),
)
SPORT_LEAGUE_STATS: Final = _stats(SPORT_LEAGUE, "How bets on one league have gone.")
SPORT_LEAGUE_MARKET_STATS: Final = _stats(SPORT_LEAGUE_MARKET, "How bets on one market of one league have gone.")
INSTITUTION_STATS: Final = _stats(INSTITUTION, "How bets placed with one sportsbook have gone.")

GROUPED_VIEWS: Final = (
    SPORT_STATS,
    SPORT_MARKET_STATS,
    SPORT_MARKET_RECENT,
    SPORT_LEAGUE_STATS,
    SPORT_LEAGUE_MARKET_STATS,
    INSTITUTION_STATS,
)

# ---- views of single bets --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BetView:
    """A stored view over single bets. For `ttl` after its last change a bet is looked up."""

    name: str
    ttl: timedelta
    description: str
    declared: tuple[DeclaredFeature, ...]
    entity: str = "bet"
    join_key: str = "bet_id"

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features, in the order of its table."""
        return tuple(feature.name for feature in self.declared)


BET_FACTS: Final = BetView("bet_facts", MONTH, "What was known of one bet when it was placed.", BET_FACT_FEATURES)
BET_CLOSING_LINE: Final = BetView(
    "bet_closing_line",
    MONTH,
    "How the price of one bet compared with the closing line. Not known when the bet is placed.",
    BET_CLOSING_LINE_FEATURES,
)

BET_VIEWS: Final = (BET_FACTS, BET_CLOSING_LINE)
STORED_VIEWS: Final[tuple[GroupedView | BetView, ...]] = (*GROUPED_VIEWS, *BET_VIEWS)

# ---- views on demand -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OnDemandDeclaration:
    """A view that is computed when it is asked for: from the columns of a request, and from features looked up.

    `looked_up`  references, `view:feature`; a request has to have what these are looked up by, too
    `request`    the columns of a request that it is computed from, with their types
    """

    name: str
    description: str
    looked_up: tuple[str, ...]
    request: Mapping[str, DataType]
    declared: tuple[DeclaredFeature, ...]


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
    declared=PLACED_BET_FEATURES,
)
BET_CLV_FEATURES: Final = OnDemandDeclaration(
    name="bet_clv_features",
    description="How the bet's price compared with the closing line.",
    looked_up=(),
    request={"american_odds": "Float64", "clv_percentage": "Float64"},
    declared=PLACED_BET_CLV_FEATURES,
)

ON_DEMAND_DECLARATIONS: Final = {declaration.name: declaration for declaration in (BET_CLV_FEATURES, BET_FEATURES)}

# The names of all views of this repository, of either kind.
OUR_VIEWS: Final = frozenset((*(view.name for view in STORED_VIEWS), *ON_DEMAND_DECLARATIONS))
