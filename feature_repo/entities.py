"""What features are looked up by: a bet, or a group of bets. Each has one text key (feature_repo/group_keys.py)."""

from feast import Entity, ValueType

from feature_repo.declarations.groups import INSTITUTION, SPORT, SPORT_LEAGUE, SPORT_LEAGUE_MARKET, SPORT_MARKET

bet = Entity(
    name="bet",
    join_keys=["bet_id"],
    value_type=ValueType.STRING,
    description="One bet, by the id that its source gave it.",
)

sport = Entity(
    name=SPORT.name,
    join_keys=[SPORT.join_key],
    value_type=ValueType.STRING,
    description="All bets on one sport.",
)

sport_market = Entity(
    name=SPORT_MARKET.name,
    join_keys=[SPORT_MARKET.join_key],
    value_type=ValueType.STRING,
    description="All bets on one market of one sport: 'Soccer|Moneyline'.",
)

sport_league = Entity(
    name=SPORT_LEAGUE.name,
    join_keys=[SPORT_LEAGUE.join_key],
    value_type=ValueType.STRING,
    description="All bets on one league of one sport: 'Soccer|Italy Serie A'.",
)

sport_league_market = Entity(
    name=SPORT_LEAGUE_MARKET.name,
    join_keys=[SPORT_LEAGUE_MARKET.join_key],
    value_type=ValueType.STRING,
    description="All bets on one market of one league: 'Soccer|Italy Serie A|Moneyline'.",
)

institution = Entity(
    name=INSTITUTION.name,
    join_keys=[INSTITUTION.join_key],
    value_type=ValueType.STRING,
    description="All bets placed with one sportsbook.",
)
