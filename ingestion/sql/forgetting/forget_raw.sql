-- Grain    one row per version that goes; and one per bet that takes its place, with nothing in it, so that no number of a version is
--          ever given again
-- Reads    pg_temp.forgetting, pg_temp.forgetting_seqs
-- Writes   raw.bet_versions
-- Params   seqs, ids, hashes: parallel arrays, the numbers, the new ids and random hashes of what takes their place; run_id, now
with gone as (
    delete from raw.bet_versions where seq in (select seq from forgetting_seqs)
)

insert into raw.bet_versions (seq, batch_id, id, content_hash, payload, source, received_at)
select entry.seq, %(run_id)s, entry.id, entry.hash, 'null', 'forgotten', %(now)s
from unnest(%(seqs)s::bigint[], %(ids)s::text[], %(hashes)s::bytea[]) as entry (seq, id, hash)
