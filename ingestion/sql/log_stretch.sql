-- Grain    one row per counted version in (after, until], and per version that one of those replaces
-- Reads    processed.bet_versions
-- Params   after, until
with fresh as (
    select * from processed.bet_versions where seq > %(after)s and seq <= %(until)s and not is_superseded
),

replaced as (
    select earlier.*
    from (select distinct id from fresh) as changed
    cross join lateral (
        select * from processed.bet_versions
        where bet_versions.id = changed.id and seq <= %(after)s and not is_superseded
        order by seq desc
        limit 1
    ) as earlier
    where %(after)s > 0
)

select * from fresh
union all
select * from replaced
