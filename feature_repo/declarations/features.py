"""Every feature: its type, meaning, unit, range, and the moment of a bet's life from which it may be used.

features of groups      the measures below, each once for every group
features of single bets stored with the bet (bet_facts, bet_closing_line)
features on demand      computed from the bet of a request (bet_features, bet_clv_features)

views.py puts them into views. Nothing here needs Feast: feast_objects.py makes its fields of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from feature_repo.declarations.groups import Group

Moment = Literal["placement", "close", "settlement"]
# As Feast names them.
DataType = Literal["Bool", "Float64", "Int64", "String", "UnixTimestamp"]


class FeatureScale(StrEnum):
    """Unit and range of a feature."""

    SHARE = "Share, 0 to 1"
    SHARE_DIFFERENCE = "Share, -1 to 1"
    PROBABILITY = "Probability, 0 to 1"
    # The limits of quality/schema for bets of several legs; straights stay within a hundredth of them. A loss beyond
    # the stake is real: who lays a bet at an exchange risks more than that.
    ROI = "Percent, -1000 to 1000000"
    # Free bets add profit and no stake, so the ratio of the sums has no upper limit.
    POOLED_ROI = "Percent, -1000 or more"
    CLV = "Percent, -100 to 1000"
    COUNT = "Bets, 0 or more"
    AMERICAN_ODDS = "American odds, -1000000 to -100 or 100 to 1000000"
    DECIMAL_ODDS = "Decimal odds, 1.0001 to 10001"
    MONEY = "Currency units, 0 or more"
    CODE = "Code, 0 or more"
    FLAG = "Flag, false or true"
    TEXT = "Text, 1 character or more"
    WEEKDAY = "Day, 0 to 6"
    HOUR = "Hour, 0 to 23"


@dataclass(frozen=True)
class DeclaredFeature:
    """One feature, and all that is said of it.

    `meaning`    a sentence, or several
    `scale`      unit and range
    `available`  the moment of a bet's life from which its value is known
    """

    name: str
    dtype: DataType
    meaning: str
    scale: FeatureScale
    available: Moment = "placement"

    @property
    def description(self) -> str:
        """All of it in one closed spelling: "<meaning> <unit>, <range>. Available at <moment>."."""
        return f"{self.meaning} {self.scale}. Available at {self.available}."

    @property
    def is_exact(self) -> bool:
        """Whether two computations of a value agree to the letter; those of a Float64 agree to 1e-9 (rule R3)."""
        return self.dtype != "Float64"


# ---- features of groups ----------------------------------------------------------------------------------------------
# What other bets have done is known when a bet is placed: these features hold what was known at that instant, so all of
# them are available at placement.

# How many graded bets recent_win_rate and recent_win_rate_50 look back on.
RECENT: Final = 10
RECENT_LONG: Final = 50

# How many bets at the market's own estimate a group's win rate is shrunk towards.
SHRINKAGE: Final = 25


@dataclass(frozen=True)
class GroupMeasure:
    """Something that is measured of every group. `meaning` has {bets} where the bets of the group are named."""

    name: str
    dtype: DataType
    meaning: str
    scale: FeatureScale

    def feature_of(self, group: Group) -> GroupFeature:
        """The measure of one group, as a feature: `sport_win_rate`."""
        return self._feature(f"{group.name}_{self.name}", group)

    def feature_of_only(self, group: Group) -> GroupFeature:
        """The same of a measure that no other group has, and which is called after no group: `recent_win_rate`."""
        return self._feature(self.name, group)

    def _feature(self, name: str, group: Group) -> GroupFeature:
        return GroupFeature(name, self.dtype, self.meaning.format(bets=group.bets), self.scale, measure=self.name)


@dataclass(frozen=True, kw_only=True)
class GroupFeature(DeclaredFeature):
    """A measure of one group. `measure` is the name of the measure."""

    measure: str


COUNT: Final = GroupMeasure(
    "count", "Int64", "Wins and losses of {bets}; null where there is no history at all.", FeatureScale.COUNT
)
# Measures that come from running sums (ingestion/features/running_sums.py), in the order of the tables.
MEASURES: Final = (
    GroupMeasure(
        "win_rate", "Float64", "Wins over wins and losses of {bets}; null before the first.", FeatureScale.SHARE
    ),
    GroupMeasure(
        "roi",
        "Float64",
        "Profit over stake at risk, each summed over {bets}; null before the first.",
        FeatureScale.POOLED_ROI,
    ),
    GroupMeasure(
        "avg_bet_roi", "Float64", "Mean of the returns of single {bets}; null before the first.", FeatureScale.ROI
    ),
    COUNT,
    GroupMeasure(
        "edge",
        "Float64",
        "Wins minus what the prices expected (the sum of their implied probabilities), over the number of {bets} that "
        "were won or lost and had a price; null before the first.",
        FeatureScale.SHARE_DIFFERENCE,
    ),
    GroupMeasure(
        "win_rate_shrunk",
        "Float64",
        "Win rate of {bets} that had a price, pulled towards what those prices expected as if by "
        f"{SHRINKAGE} more bets; null before the first.",
        FeatureScale.SHARE,
    ),
    GroupMeasure(
        "avg_clv",
        "Float64",
        "Mean closing line value of settled {bets}, where it is known; null before the first.",
        FeatureScale.CLV,
    ),
)
# Measures over the last bets (ingestion/features/last_n.py).
RECENT_MEASURES: Final = tuple(
    GroupMeasure(
        name,
        "Float64",
        f"Share of wins among the last {size} won or lost {{bets}}, by known_at; null before the first.",
        FeatureScale.SHARE,
    )
    for name, size in (("recent_win_rate", RECENT), ("recent_win_rate_50", RECENT_LONG))
)

# ---- features of single bets -----------------------------------------------------------------------------------------

BET_FACT_FEATURES: Final = (
    DeclaredFeature("american_odds", "Int64", "Price taken.", FeatureScale.AMERICAN_ODDS),
    DeclaredFeature(
        "decimal_odds", "Float64", "Price taken, as what a winning stake of 1 pays back.", FeatureScale.DECIMAL_ODDS
    ),
    DeclaredFeature(
        "implied_prob", "Float64", "Chance at which the price taken breaks even.", FeatureScale.PROBABILITY
    ),
    DeclaredFeature("is_live", "Bool", "Placed while the event was under way.", FeatureScale.FLAG),
    DeclaredFeature("bet_type", "String", "Kind of bet: straight, parlay, round_robin_3 and so on.", FeatureScale.TEXT),
    DeclaredFeature("sport", "String", "Sport, as the source names it.", FeatureScale.TEXT),
    DeclaredFeature("league", "String", "League, as the source names it.", FeatureScale.TEXT),
    DeclaredFeature("market", "String", "Market, as the source names it.", FeatureScale.TEXT),
    DeclaredFeature("institution_name", "String", "Sportsbook, as the source names it.", FeatureScale.TEXT),
    DeclaredFeature("amount", "Float64", "Stake; 0 is a free bet.", FeatureScale.MONEY),
)
BET_CLOSING_LINE_FEATURES: Final = (
    DeclaredFeature(
        "clv_percentage", "Float64", "How far the price taken beat the last one.", FeatureScale.CLV, "close"
    ),
    DeclaredFeature(
        "clv_ev",
        "Float64",
        "Product of clv_percentage and the implied probability of the price taken.",
        FeatureScale.CLV,
        "close",
    ),
    DeclaredFeature("clv_current_odds", "Float64", "The market's last price.", FeatureScale.AMERICAN_ODDS, "close"),
)

# ---- features on demand ----------------------------------------------------------------------------------------------

PLACED_BET_FEATURES: Final = (
    DeclaredFeature(
        "implied_prob",
        "Float64",
        "Chance at which the price breaks even; null without a price.",
        FeatureScale.PROBABILITY,
    ),
    DeclaredFeature("is_live", "Bool", "Placed while the event is under way.", FeatureScale.FLAG),
    DeclaredFeature("day_of_week", "Int64", "Day of time_placed in UTC; 0 is Monday.", FeatureScale.WEEKDAY),
    DeclaredFeature("hour_of_day", "Int64", "Hour of time_placed in UTC.", FeatureScale.HOUR),
    *(
        DeclaredFeature(
            f"{name}_encoded",
            "Int64",
            f"Code of the {meaning} as of the placement; 0 is unknown, null is none.",
            FeatureScale.CODE,
        )
        for name, meaning in (
            ("sport", "sport"),
            ("league", "league"),
            ("market", "market"),
            ("institution", "sportsbook"),
            ("bet_type", "kind of bet"),
        )
    ),
)
PLACED_BET_CLV_FEATURES: Final = (
    DeclaredFeature(
        "clv_percentage", "Float64", "How far the price taken beat the last one.", FeatureScale.CLV, "close"
    ),
    DeclaredFeature("clv_ev", "Float64", "Product of clv_percentage and implied_prob.", FeatureScale.CLV, "close"),
    DeclaredFeature("has_clv", "Bool", "Whether the closing line value is known.", FeatureScale.FLAG, "close"),
)
