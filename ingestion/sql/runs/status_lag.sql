-- Grain    one row: the mark, the newest instant of knowledge in the log, and how many versions the features do not reach yet
-- Reads    features.reach, processed.bet_versions
select
    reach.refreshed_at,
    (select known_at from processed.bet_versions order by seq desc limit 1) as known_until,
    (select count(*) from processed.bet_versions where seq > coalesce(reach.seq, 0)) as versions_behind
from (values (true)) as always (only_row)
left join features.reach using (only_row)
