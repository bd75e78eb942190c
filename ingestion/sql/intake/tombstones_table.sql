-- Grain    one row per bet that vanished from its source, or whose row there says that it is deleted
-- As of    known_at: now, when we learned of it, past the log and the last refresh; null for a bet that never had a sound version
-- Reads    raw.bet_versions, processed.bet_versions, features.watermark
-- Writes   pg_temp.tombstones, gone with the transaction. seq continues the log.
-- Params   ids, now, is_gone: the source does not hold the bet any more; otherwise its newest raw version is repeated
create temporary table tombstones on commit drop as
with log_end as (
    select
        (select max(seq) from raw.bet_versions) as seq,
        (
            select greatest(known_at, (select features_watermark from features.watermark))
            from processed.bet_versions order by seq desc limit 1
        ) as known_at
)

select
    log_end.seq + row_number() over (order by vanished.id) as seq,
    vanished.id,
    newest.seq as newest_seq,
    newest.updated_at,
    case when %(is_gone)s then decode(md5('vanished ' || vanished.id), 'hex') else newest.content_hash end as content_hash,
    case when %(is_gone)s then 'null'::json else newest.payload end as payload,
    current_version.seq as current_seq,
    case when current_version.seq is not null
        then greatest(%(now)s::timestamptz, log_end.known_at + interval '1 microsecond') end as known_at
from unnest(%(ids)s::text[]) as vanished (id)
cross join log_end
cross join lateral (
    select * from raw.bet_versions where raw.bet_versions.id = vanished.id order by seq desc limit 1
) as newest
left join processed.bet_versions as current_version
    on current_version.id = vanished.id and current_version.is_current and not current_version.is_deleted
