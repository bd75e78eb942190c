-- Grain    one row per group that has bets, in order of its key
-- Reads    view: features.feature_sport_stats, features.feature_sport_market_stats or features.feature_institution_stats
select {columns}
from {view}
order by {key}
