-- Grain    one row per row that the store has not seen. A file says what was: whatever was ever seen is not new, but for a sound row
--          that was refused for copies that contradict it, and comes without them now.
-- Reads    pg_temp.incoming, raw.bet_versions
-- Writes   pg_temp.unseen, gone with the transaction. returns: such a row; newest_seq is where it was refused.
create temporary table unseen on commit drop as
select
    arrival, seen_once.id, seen_once.updated_at, settled_at, time_placed, reasons is null as accepted,
    seen.seq is not null as returns, seen.seq as newest_seq
from (select distinct on (content_hash) * from incoming order by content_hash, arrival) as seen_once
left join lateral (
    select max(raw.bet_versions.seq) as seq, count(raw.bet_versions.known_at) > 0 as was_accepted
    from raw.bet_versions where raw.bet_versions.content_hash = seen_once.content_hash
) as seen on true
where seen.seq is null or (reasons is null and not seen.was_accepted)
