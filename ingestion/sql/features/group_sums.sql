-- Grain    one row per group
-- Reads    features.group_state
-- Params   grouping, keys
select * from features.group_state where grouping = %(grouping)s and key = any(%(keys)s)
