-- Grain    one row per group of a grouping: how many of its bets are graded
-- Reads    features.group_state
-- Params   grouping
select key, wins + losses as graded
from features.group_state
where grouping = %(grouping)s and wins + losses > 0
