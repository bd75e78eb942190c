-- Grain    one row per run behind what a materialization of this window reads
-- As of    both ends included, as Feast reads. A row that is re-asserted inside the window counts, whenever it was written.
-- Reads    features.<view>
-- Params   since, until
select distinct run_id
from {history}
where event_timestamp between %(since)s and %(until)s
