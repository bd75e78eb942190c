-- Grain    one row per bet that its source holds as far as we know: its newest raw version, sound or not. Not one that vanished.
-- Reads    raw.bet_versions
-- Writes   pg_temp.newest_versions, gone with the transaction
create temporary table newest_versions on commit drop as
select seq, id, stamp
from (
    select distinct on (id) seq, id, updated_at as stamp, payload
    from raw.bet_versions
    where id is not null
    order by id, seq desc
) as newest
where json_typeof(payload) <> 'null'
