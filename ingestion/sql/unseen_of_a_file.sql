-- Grain    one row per row that the store has not seen. A file says what was: whatever was ever seen is not new.
-- Reads    pg_temp.incoming, raw.bet_versions
-- Writes   pg_temp.unseen, gone with the transaction
create temporary table unseen on commit drop as
select arrival, id, updated_at, settled_at, time_placed, reasons is null as accepted, false as returns, null::bigint as newest_seq
from (select distinct on (content_hash) * from incoming order by content_hash, arrival) as seen_once
where not exists (select from raw.bet_versions where raw.bet_versions.content_hash = seen_once.content_hash)
