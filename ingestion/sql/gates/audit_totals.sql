-- Grain    one row per sport and book that ever had a bet
-- Reads    features.bet_counts
select * from features.bet_counts
