-- Grain    one row per view that is asked for, in that order: what the online store lacks of it
-- As of    the mark, up to which the features reach. A view that was never copied, or whose rows a backfill replaced, lacks all.
--          A run wrote what is processed up to its last raw version. Rows that are refused come after it, and are nobody's.
-- Reads    features.reach, ops.materializations, ops.gates, processed.bet_versions
-- Params   views
select
    wanted.view,
    reach.refreshed_at,
    reach.seq,
    copied.refreshed_at as copied_until,
    array(
        select gates.run_id
        from ops.gates
        where gates.until_seq >= (select min(seq) from processed.bet_versions where seq > copied.seq)
        order by gates.run_id
    ) as runs
from unnest(%(views)s::text[]) with ordinality as wanted (view, place)
cross join features.reach
left join ops.materializations as copied using (view)
order by wanted.place
