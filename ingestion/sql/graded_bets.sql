-- Grain    one row per graded bet that stood in one of these groups when the log ended at `until`
-- Reads    processed.bet_versions
-- Params   until, sports, markets: parallel arrays, a null part as null
with standing as (
    select distinct on (id) id, seq, known_at, status, sport, market, is_deleted
    from processed.bet_versions
    where seq <= %(until)s and not is_superseded
    order by id, seq desc
)

select
    id, seq, (extract(epoch from known_at) * 1000000)::bigint as stood_at, status = 'SETTLED_WIN' as won,
    standing.sport, standing.market
from standing
join unnest(%(sports)s::text[], %(markets)s::text[]) as wanted (sport, market)
    on standing.sport is not distinct from wanted.sport and standing.market is not distinct from wanted.market
where not is_deleted and status in ('SETTLED_WIN', 'SETTLED_LOSS')
