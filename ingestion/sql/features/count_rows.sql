-- Grain    one row per table whose rows are not counted anew each time somebody asks
-- Reads    raw.bet_versions, processed.bet_versions, features.bet_facts_changes, features.bet_closing_line_changes: what is new since
--          the last count, or all where there is none
-- Writes   ops.row_counts
-- Params   seq: the log position of the features; run_id: the run, whose change rows stand there already
with before as (
    select counted, log_position, rows from ops.row_counts
),

added (counted, rows) as (
    select 'raw.bet_versions', (
        select count(*)
        from raw.bet_versions
        where seq <= %(seq)s
            and seq > coalesce((select log_position from before where counted = 'raw.bet_versions'), 0)
    )
    union all
    select 'processed.bet_versions', (
        select count(*)
        from processed.bet_versions
        where seq <= %(seq)s
            and seq > coalesce((select log_position from before where counted = 'processed.bet_versions'), 0)
    )
    union all
    select 'features.bet_facts_changes', (
        select count(distinct bet_id)
        from features.bet_facts_changes as written
        where run_id = %(run_id)s and not exists (
            select from features.bet_facts_changes as earlier
            where earlier.bet_id = written.bet_id and earlier.run_id <> %(run_id)s
        )
    )
    where exists (select from before where counted = 'features.bet_facts_changes')
    union all
    select 'features.bet_facts_changes', (select count(distinct bet_id) from features.bet_facts_changes)
    where not exists (select from before where counted = 'features.bet_facts_changes')
    union all
    select 'features.bet_closing_line_changes', (
        select count(distinct bet_id)
        from features.bet_closing_line_changes as written
        where run_id = %(run_id)s and not exists (
            select from features.bet_closing_line_changes as earlier
            where earlier.bet_id = written.bet_id and earlier.run_id <> %(run_id)s
        )
    )
    where exists (select from before where counted = 'features.bet_closing_line_changes')
    union all
    select 'features.bet_closing_line_changes', (select count(distinct bet_id) from features.bet_closing_line_changes)
    where not exists (select from before where counted = 'features.bet_closing_line_changes')
)

insert into ops.row_counts as counts (counted, log_position, rows)
select counted, %(seq)s, rows
from added
on conflict (counted) do update
set log_position = excluded.log_position, rows = counts.rows + excluded.rows
