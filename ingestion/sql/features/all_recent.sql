-- Grain    one row per sport_market group that ever had a graded bet
-- Reads    features.group_state
select key, recent from features.group_state where recent is not null
