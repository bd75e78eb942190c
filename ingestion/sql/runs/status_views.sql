-- Grain    one row per stored view, in the order given
-- Reads    features.feature_metadata (change rows, counted in the transaction that wrote them), features.group_state,
--          ops.row_counts (features.bet_facts_changes, features.bet_closing_line_changes where they are not counted), ops.materializations
-- Params   views, key_sources: parallel arrays; the keys of a grouped view are those of its grouping
with counted as (
    select distinct on (view) view, record_count
    from features.feature_metadata
    order by view, version desc
),

keyed as (
    select grouping as source, count(*) as keys from features.group_state group by grouping
    union all
    select 'bet_facts', coalesce(
        (select rows from ops.row_counts where counted = 'features.bet_facts_changes'),
        (select count(distinct bet_id) from features.bet_facts_changes)
    )
    union all
    select 'bet_closing_line', coalesce(
        (select rows from ops.row_counts where counted = 'features.bet_closing_line_changes'),
        (select count(distinct bet_id) from features.bet_closing_line_changes)
    )
)

select
    coalesce(keyed.keys, 0),
    coalesce(counted.record_count, 0),
    copied.online_watermark
from unnest(%(views)s::text[], %(key_sources)s::text[]) with ordinality as wanted (view, source, position)
left join counted using (view)
left join keyed using (source)
left join ops.materializations as copied using (view)
order by position
