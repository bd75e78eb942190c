"""How a feature says what it is: meaning, unit, range, and the moment of a bet's life from which it may be used.

Every description ends in one closed spelling, "<unit>, <range>. Available at <moment>.", and `available` repeats the
moment for programs. Nothing here needs Feast: feature_repo/declarations/feast_objects.py makes its fields of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from feature_repo.declarations.groups import RECENT, RECENT_LONG, Group, GroupedView

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
    """One feature, and all that is said of it."""

    name: str
    dtype: DataType
    description: str
    available: Moment


def feature(
    name: str, dtype: DataType, meaning: str, scale: FeatureScale, available: Moment = "placement"
) -> DeclaredFeature:
    """One feature. `meaning` is a sentence, or several."""
    return DeclaredFeature(name, dtype, f"{meaning} {scale}. Available at {available}.", available)


def group_features(view: GroupedView, bets: str) -> tuple[DeclaredFeature, ...]:
    """The features of a grouped view. `bets` says whose: "bets on the sport"."""
    return tuple(_group_feature(view.group, name, bets) for name in view.features)


# What other bets have done is known when a bet is placed: these features hold what was known at that instant, so all of
# them are available at placement.
_MEASURES: dict[str, tuple[str, FeatureScale]] = {
    "win_rate": ("Wins over wins and losses of {bets}; null before the first.", FeatureScale.SHARE),
    "roi": ("Profit over stake at risk, each summed over {bets}; null before the first.", FeatureScale.POOLED_ROI),
    "avg_bet_roi": ("Mean of the returns of single {bets}; null before the first.", FeatureScale.ROI),
    "count": ("Wins and losses of {bets}; null where there is no history at all.", FeatureScale.COUNT),
    "edge": (
        "Wins minus what the prices expected (the sum of their implied probabilities), over the number of {bets} that "
        "were won or lost and had a price; null before the first.",
        FeatureScale.SHARE_DIFFERENCE,
    ),
    "win_rate_shrunk": (
        "Win rate of {bets} that had a price, pulled towards what those prices expected as if by 25 more bets; null "
        "before the first.",
        FeatureScale.SHARE,
    ),
    "avg_clv": (
        "Mean closing line value of settled {bets}, where it is known; null before the first.",
        FeatureScale.CLV,
    ),
}
_RECENT: dict[str, tuple[str, FeatureScale]] = {
    name: (
        f"Share of wins among the last {n} won or lost {{bets}}, by known_at; null before the first.",
        FeatureScale.SHARE,
    )
    for name, n in (("recent_win_rate", RECENT), ("recent_win_rate_50", RECENT_LONG))
}


def _group_feature(group: Group, name: str, bets: str) -> DeclaredFeature:
    meaning, scale = _RECENT.get(name) or _MEASURES[name.removeprefix(f"{group.name}_")]
    return feature(name, "Int64" if scale is FeatureScale.COUNT else "Float64", meaning.format(bets=bets), scale)
