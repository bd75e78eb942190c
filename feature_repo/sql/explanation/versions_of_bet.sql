-- Grain    one row per version of a bet that is part of the features' log, in the order in which they became known
-- Reads    processed.bet_versions, by (id, seq); features.watermark
-- Params   bet
select *
from processed.bet_versions
where id = %(bet)s and seq <= (select log_position from features.watermark)
order by seq
