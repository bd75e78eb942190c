-- Grain    one row per view that is asked for, in that order: what the online store lacks of it
-- As of    the features watermark. A view that was never copied, or whose rows a backfill replaced, lacks all.
--          A run wrote what is processed up to its last raw version. Rows that are refused come after it, and are nobody's.
-- Reads    features.watermark, ops.materializations, ops.gates, processed.bet_versions
-- Params   views
select
    wanted.view,
    watermark.features_watermark,
    watermark.log_position,
    copied.online_watermark,
    array(
        select gates.run_id
        from ops.gates
        where gates.until_seq >= (select min(seq) from processed.bet_versions where seq > copied.log_position)
        order by gates.run_id
    ) as runs
from unnest(%(views)s::text[]) with ordinality as wanted (view, place)
cross join features.watermark
left join ops.materializations as copied using (view)
order by wanted.place
