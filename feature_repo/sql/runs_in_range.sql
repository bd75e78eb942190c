-- Grain    one row per run behind what a materialization of this range of time reads
-- As of    both ends included, as Feast reads. A row that is carried forward into the range counts, whenever it was written.
-- Reads    features.<view>
-- Params   since, until
select distinct run_id
from {history}
where event_timestamp between %(since)s and %(until)s
