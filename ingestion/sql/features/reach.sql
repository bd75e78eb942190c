-- Grain    one row: how far the features reach, and how far the log does (zeros and nulls for an empty store)
select
    coalesce((select seq from features.reach), 0) as seq,
    (select refreshed_at from features.reach) as refreshed_at,
    coalesce((select max(seq) from processed.bet_versions), 0) as log_end
