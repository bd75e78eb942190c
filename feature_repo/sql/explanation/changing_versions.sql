-- Grain    one row per version that became known at one of these instants and counts in a group, or whose bet counted there
--          before; of each instant at most so many, and how many there are
-- Reads    processed.bet_versions, once; features.watermark
-- Params   instants, limit
-- Format   same_group: a condition on `version`; same_group_before: the same on `before`
select known_at, seq, in_all
from (
    select
        version.known_at, version.seq, count(*) over (partition by version.known_at) as in_all,
        row_number() over (partition by version.known_at order by version.id collate "C", version.seq) as place
    from processed.bet_versions as version
    left join processed.bet_versions as before on before.id = version.id and before.seq = version.previous_seq
    where
        version.known_at = any(%(instants)s) and not version.is_superseded
        and version.seq <= (select log_position from features.watermark)
        and ({same_group} or {same_group_before})
) as changing
where place <= %(limit)s
order by known_at, place
