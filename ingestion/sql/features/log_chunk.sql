-- Grain    one row per counted version in (after, until], and per version that one of those replaces
-- Reads    processed.bet_versions
-- Params   after, until
with fresh as (
    select * from processed.bet_versions where seq > %(after)s and seq <= %(until)s and not is_superseded
),

replaced as (
    select earlier.*
    from fresh join processed.bet_versions as earlier on earlier.seq = fresh.previous_seq
    where fresh.previous_seq <= %(after)s
)

select * from fresh
union all
select * from replaced
