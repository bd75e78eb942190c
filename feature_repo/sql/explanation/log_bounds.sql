-- Grain    one row: the features' log position, and the bets of which something became known after an instant or lies past the
--          position, some of them more than once; at most so many of each
-- Reads    features.watermark, processed.bet_versions, by its indexes
-- Params   at, limit
select watermark.log_position, array(
    (select id from processed.bet_versions where known_at > %(at)s limit %(limit)s)
    union all
    (select id from processed.bet_versions where seq > watermark.log_position limit %(limit)s)
)
from (values (true)) as always (only_row)
left join features.watermark using (only_row)
