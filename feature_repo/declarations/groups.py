"""The five groupings of bets and the eight stored views. Everything per group and per view is derived from here.

A grouping is a set of bet columns whose values name a group ("Soccer" and "Moneyline" name one `sport_market`). Each
group has one text key (`feature_repo/group_keys.py`), one running state, and one row per instant at which it changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

# TTLs. Runs are hourly. A day without one means that the pipeline is down, not that nothing happened.
DAY = timedelta(hours=24)
# Recent form is what an hourly run is for: one that is overdue leaves null.
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Group:
    """One grouping: its name, the bet columns whose values make up its key, and the name of its join key."""

    name: str
    columns: tuple[str, ...]
    join_key: str


SPORT = Group("sport", ("sport",), "sport")
SPORT_MARKET = Group("sport_market", ("sport", "market"), "sport_market")
SPORT_LEAGUE = Group("sport_league", ("sport", "league"), "sport_league")
SPORT_LEAGUE_MARKET = Group("sport_league_market", ("sport", "league", "market"), "sport_league_market")
INSTITUTION = Group("institution", ("institution_name",), "institution_name")

GROUPS = (SPORT, SPORT_MARKET, SPORT_LEAGUE, SPORT_LEAGUE_MARKET, INSTITUTION)

# What each running-sum feature is called after its prefix, in the order of the tables.
MEASURES = ("win_rate", "roi", "avg_bet_roi", "count", "edge", "win_rate_shrunk", "avg_clv")


@dataclass(frozen=True)
class GroupedView:
    """A feature view over one grouping: its features, and how long the pipeline may be silent before they are null."""

    name: str
    group: Group
    features: tuple[str, ...]
    ttl: timedelta

    @property
    def join_key(self) -> str:
        """The column that holds the group's key."""
        return self.group.join_key

    @property
    def integers(self) -> tuple[str, ...]:
        """The features that are counts; all others are ratios."""
        return tuple(name for name in self.features if name.endswith("_count"))


def _stats(group: Group, *, without: tuple[str, ...] = ()) -> GroupedView:
    names = tuple(f"{group.name}_{measure}" for measure in MEASURES if measure not in without)
    return GroupedView(f"{group.name}_stats", group, names, DAY)


SPORT_STATS = _stats(SPORT)
# The count stands in sport_market_recent, whose shorter TTL it shares; a feature has one home.
SPORT_MARKET_STATS = _stats(SPORT_MARKET, without=("count",))
SPORT_MARKET_RECENT = GroupedView(
    "sport_market_recent", SPORT_MARKET, ("recent_win_rate", "recent_win_rate_50", "sport_market_count"), HOUR
)
SPORT_LEAGUE_STATS = _stats(SPORT_LEAGUE)
SPORT_LEAGUE_MARKET_STATS = _stats(SPORT_LEAGUE_MARKET)
INSTITUTION_STATS = _stats(INSTITUTION)

GROUPED_VIEWS = (
    SPORT_STATS,
    SPORT_MARKET_STATS,
    SPORT_MARKET_RECENT,
    SPORT_LEAGUE_STATS,
    SPORT_LEAGUE_MARKET_STATS,
    INSTITUTION_STATS,
)


@dataclass(frozen=True)
class BetView:
    """A feature view over single bets: its features, and for how long a bet is looked up."""

    name: str
    features: tuple[str, ...]
    ttl: timedelta
    join_key: str = "bet_id"


# Longer than nearly any bet is open. A settled bet is nobody's question any more and may leave the store.
MONTH = timedelta(days=30)

BET_FACTS = BetView(
    "bet_facts",
    (
        "american_odds", "decimal_odds", "implied_prob", "is_live", "bet_type",
        "sport", "league", "market", "institution_name", "amount",
    ),
    MONTH,
)  # fmt: skip
BET_CLOSING_LINE = BetView("bet_closing_line", ("clv_percentage", "clv_ev", "clv_current_odds"), MONTH)

BET_VIEWS = (BET_FACTS, BET_CLOSING_LINE)
STORED_VIEWS: tuple[GroupedView | BetView, ...] = (*GROUPED_VIEWS, *BET_VIEWS)

# How many graded bets recent_win_rate and recent_win_rate_50 look back on.
RECENT, RECENT_LONG = 10, 50
