-- Grain    the one row of features.watermark
-- Reads    processed.bet_versions
-- Writes   features.watermark. The features watermark is the clock of this refresh, or the log's last instant where that is ahead of the clock
--          (by five minutes at most: quality/schema); it never moves back.
-- Params   seq, now, run_id
insert into features.watermark (log_position, features_watermark, run_id)
values (
    %(seq)s,
    greatest(%(now)s, (select known_at from processed.bet_versions where seq <= %(seq)s order by seq desc limit 1)),
    %(run_id)s
)
on conflict (only_row) do update
set log_position = excluded.log_position,
    features_watermark = greatest(watermark.features_watermark, excluded.features_watermark),
    run_id = excluded.run_id
