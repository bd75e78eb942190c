-- Grain    one row per version that is asked for: what it says, how it came, and the row that its source sent
-- Reads    processed.bet_versions, raw.bet_versions, ops.sync_state
-- Params   seqs
select
    version.seq, case when version.is_forgotten then 'a forgotten bet' else version.id end as id,
    version.known_at, version.status, version.is_deleted, version.previous_seq, version.run_id,
    raw.source as stream, raw.received_at, sync_state.cursor_updated_at, sync_state.cursor_id, raw.payload::text as payload
from processed.bet_versions as version
left join raw.bet_versions as raw using (seq)
left join ops.sync_state on sync_state.stream = raw.source
where version.seq = any(%(seqs)s)
order by version.known_at desc, version.id collate "C" desc, version.seq desc
