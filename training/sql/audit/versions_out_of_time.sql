-- Grain    one row per version that says that it was known earlier than it can have been, and in what way; how many there are in all,
--          and how many versions were looked at, in each
-- Reads    processed.bet_versions up to a log position
-- Params   log_position, tolerance (an interval: clocks of two machines differ), limit
with counted as (
    select
        seq, id, known_at, time_placed, settled_at,
        lag(known_at) over (order by seq) as known_before
    from processed.bet_versions
    where seq <= %(log_position)s and not is_superseded and not is_deleted
),
wrong as (
    select
        id, known_at,
        case
            when known_at <= time_placed then 'before the bet was placed'
            when known_at < settled_at - %(tolerance)s::interval then 'before the bet was settled'
            else 'before an earlier version of the log'
        end as why,
        case
            when known_at <= time_placed then time_placed
            when known_at < settled_at - %(tolerance)s::interval then settled_at
            else known_before
        end as not_before
    from counted
    where known_at <= time_placed or known_at < settled_at - %(tolerance)s::interval or known_at < known_before
)
select
    id, why, not_before, known_at,
    count(*) over () as wrong,
    (select count(*) from counted) as versions
from wrong
union all
select null, null, null, null, 0, (select count(*) from counted)
where not exists (select from wrong)
limit %(limit)s
