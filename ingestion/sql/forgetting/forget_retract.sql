-- Grain    one row per bet whose newest published version counts until now: from now on it does not
-- Reads    processed.bet_versions
-- Writes   processed.bet_versions: its tombstone
-- Params   newest, seqs: parallel arrays, the version and the number of its tombstone; run_id, known_at
insert into processed.bet_versions (
    seq, run_id, id, status, sport, league, market, institution_name, is_settled, known_at, previous_seq, is_deleted,
    is_forgotten
)
select
    tombstone.seq, %(run_id)s, version.id, version.status, version.sport, version.league, version.market,
    version.institution_name, version.is_settled, %(known_at)s, version.seq, true, true
from unnest(%(newest)s::bigint[], %(seqs)s::bigint[]) as tombstone (newest, seq)
join processed.bet_versions as version on version.seq = tombstone.newest
order by tombstone.seq
