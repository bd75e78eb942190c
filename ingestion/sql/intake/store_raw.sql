-- Grain    one row per new version, refused ones too
-- Reads    pg_temp.incoming, pg_temp.new_versions
-- Writes   raw.bet_versions
-- Params   run_id, source, received_at
insert into raw.bet_versions (seq, batch_id, id, updated_at, known_at, content_hash, returns_after, payload, source, received_at, user_digest)
select
    new_versions.seq, %(run_id)s, incoming.id, incoming.updated_at, new_versions.known_at,
    incoming.content_hash, new_versions.returns_after, incoming.payload::json, %(source)s, %(received_at)s, incoming.user_digest
from new_versions join incoming using (arrival)
order by new_versions.seq
