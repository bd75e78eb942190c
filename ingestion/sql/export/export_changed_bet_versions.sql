-- Grain    one row per sport and month of placement of the versions past an earlier export. A version never changes.
-- Reads    processed.bet_versions
-- Writes   pg_temp.changed, gone with the transaction
-- Params   after: the seq that the earlier export reached; 0 for all partitions
create temporary table changed on commit drop as
select distinct sport, to_char(time_placed at time zone 'UTC', 'YYYY-MM') as month
from processed.bet_versions
where seq > %(after)s
