-- Grain    one row per bet that is to be forgotten and that became known, graded, at one instant with others of its group, which
--          stay: the ids that its own stands between
-- Reads    processed.bet_versions, once; pg_temp.forgetting
-- Params   seqs: the versions that stay in the log
with graded as (
    select id, seq, known_at, coalesce(sport, '') as sport, coalesce(market, '') as market, sport is null as no_sport,
        market is null as no_market
    from processed.bet_versions
    where not is_superseded and not is_deleted and status in ('SETTLED_WIN', 'SETTLED_LOSS')
        and known_at in (select known_at from processed.bet_versions where seq = any (%(seqs)s))
)

select
    version.id,
    max(other.id collate "C") filter (where other.id collate "C" < version.id collate "C") as below,
    min(other.id collate "C") filter (where other.id collate "C" > version.id collate "C") as above
from graded as version
join graded as other using (known_at, sport, market, no_sport, no_market)
where version.seq = any (%(seqs)s) and other.id not in (select id from forgetting)
group by version.id
