-- Grain    one row per version that came into one of these groups, or left it, in the range of that group; the newest of each, and
--          how many there are
-- Reads    processed.bet_versions, the whole range once
-- Params   since, until (arrays, one each per group), first, last (the range of them all), limit
-- Format   groups: the arrays of parts of keys; columns; in_group: of a version or of what it replaced
select
    place, seq, case when is_forgotten then 'a forgotten bet' else id end as id, known_at, status, is_deleted, previous_seq, in_all
from (
    select
        listed.place, version.*, count(*) over (partition by listed.place) as in_all,
        row_number() over (partition by listed.place order by version.known_at desc, version.id collate "C" desc, version.seq desc) as newness
    from processed.bet_versions as version
    left join processed.bet_versions as before on before.id = version.id and before.seq = version.previous_seq
    join unnest({groups}, %(since)s::timestamptz[], %(until)s::timestamptz[]) with ordinality
        as listed ({columns}, since, until, place)
        on version.known_at > listed.since and version.known_at <= listed.until and {in_group}
    where
        version.known_at > %(first)s and version.known_at <= %(last)s and not version.is_superseded
        and version.seq <= (select log_position from features.watermark)
) as ranked
where newness <= %(limit)s
order by place, newness
