-- Grain    one row per row that the source sent in this run
-- Reads    processed.bet_versions, only for what its columns are
-- Writes   pg_temp.incoming, gone with the transaction: the typed columns, and why a row is refused (reasons)
create temporary table incoming on commit drop as
select
    null::bigint as arrival,
    null::bytea  as content_hash,
    null::text   as payload,
    null::text[] as reasons,
    null::bytea  as user_digest,
    bet_versions.*
from processed.bet_versions
with no data
