-- Grain    one row per sport and month of placement whose newest bets may differ from those at an earlier export: of the versions
--          past it, and of those that they replace
-- Reads    processed.bet_versions
-- Writes   pg_temp.changed, gone with the transaction
-- Params   after: the seq that the earlier export reached; 0 for all partitions
create temporary table changed on commit drop as
select distinct touched.sport, to_char(touched.time_placed at time zone 'UTC', 'YYYY-MM') as month
from processed.bet_versions as fresh
join processed.bet_versions as touched on touched.seq in (fresh.seq, fresh.previous_seq)
where fresh.seq > %(after)s
