-- Grain    one row per month in which versions past an earlier export were received; sport is null
-- Reads    raw.bet_versions
-- Writes   pg_temp.changed, gone with the transaction
-- Params   after: the seq that the earlier export reached; 0 for all partitions
create temporary table changed on commit drop as
select distinct null::text as sport, to_char(received_at at time zone 'UTC', 'YYYY-MM') as month
from raw.bet_versions
where seq > %(after)s
