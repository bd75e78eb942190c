-- Grain    one row: the stamp from which a stream is read on; none, or null, before its first whole sync
-- As of    the cursor less the overlap, or the oldest stamp among the rows of the stream that a gate refused and no refresh has
--          published since: they may have been put right under the stamps that they had
-- Reads    ops.sync_state, ops.gates, raw.bet_versions (by its primary key: the versions that were refused last, mostly none)
-- Params   stream, overlap
with judged as (
    select
        coalesce(max(until_seq) filter (where state <> 'refused'), 0) as published_until,
        coalesce(max(until_seq) filter (where state = 'refused'), 0) as refused_until
    from ops.gates
)

select least(cursor_updated_at - %(overlap)s::interval, (
    select min(updated_at)
    from raw.bet_versions
    where seq > judged.published_until and seq <= judged.refused_until and source = %(stream)s
))
from ops.sync_state cross join judged
where stream = %(stream)s and cursor_updated_at is not null
