-- Grain    one row per graded bet among the newest `needed` of each of these groups, as they stood when the log ended at `until`
-- Reads    processed.bet_versions: by group along the index bet_versions_newest_graded, and the log past `until`
-- Params   until; sports, markets, needed: parallel arrays, a null part of a group as null
with wanted as (
    select * from unnest(%(sports)s::text[], %(markets)s::text[], %(needed)s::bigint[]) as wanted (sport, market, needed)
),

-- What stands today and stood then. Names are never empty, so '' stands for null in the index.
unreplaced as (
    select wanted.needed, newest.*
    from wanted cross join lateral (
        select id, seq, known_at, status, sport, market
        from processed.bet_versions
        where coalesce(sport, '') = coalesce(wanted.sport, '') and coalesce(market, '') = coalesce(wanted.market, '')
          and is_current and not is_deleted and status in ('SETTLED_WIN', 'SETTLED_LOSS')
          and known_at <= (select known_at from processed.bet_versions where seq <= %(until)s order by seq desc limit 1)
        order by known_at desc, id collate "C" desc
        limit wanted.needed
    ) as newest
),

-- What stood then and was replaced since.
replaced_since as (
    select wanted.needed, stood.id, stood.seq, stood.known_at, stood.status, stood.sport, stood.market
    from processed.bet_versions as since
    join processed.bet_versions as stood on stood.seq = since.previous_seq
    join wanted
        on coalesce(wanted.sport, '') = coalesce(stood.sport, '') and coalesce(wanted.market, '') = coalesce(stood.market, '')
    where since.seq > %(until)s and since.previous_seq <= %(until)s
      and not stood.is_deleted and stood.status in ('SETTLED_WIN', 'SETTLED_LOSS')
),

ranked as (
    select *, row_number() over (partition by sport, market order by known_at desc, id collate "C" desc) as newness
    from (select * from unreplaced union all select * from replaced_since) as stood
)

select
    id, seq, (extract(epoch from known_at) * 1000000)::bigint as stood_at, status = 'SETTLED_WIN' as won, sport, market
from ranked
where newness <= needed
