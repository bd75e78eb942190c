-- Grain    one row per row that the store has not seen. A file says what was: whatever was ever seen is not new, but for a sound row
--          that was refused for copies that contradict it, and comes without them now.
--          Where the stream is read by another format than the last time, a sound row is new again that gives the bet other values
--          than it has now under the same updated_at: a mapping that is put back puts back what it read.
-- Reads    pg_temp.incoming, raw.bet_versions, processed.bet_versions
-- Writes   pg_temp.unseen, gone with the transaction. returns: such a row; newest_seq is where it stood last.
-- Params   source, is_read_anew (by another format than the last time)
create temporary table unseen on commit drop as
select
    arrival, seen_once.id, seen_once.updated_at, settled_at, time_placed, reasons is null as accepted,
    seen.seq is not null as returns, seen.seq as newest_seq
from (select distinct on (content_hash) * from incoming order by content_hash, arrival) as seen_once
left join lateral (
    select max(raw.bet_versions.seq) as seq, count(raw.bet_versions.known_at) > 0 as was_accepted
    from raw.bet_versions where raw.bet_versions.content_hash = seen_once.content_hash
) as seen on true
where seen.seq is null or (reasons is null and (not seen.was_accepted or %(is_read_anew)s and exists (
    select from processed.bet_versions as current_version inner join raw.bet_versions as current_row using (seq)
    where
        current_version.id = seen_once.id and current_version.is_current
        and current_version.updated_at = seen_once.updated_at
        and current_row.source = %(source)s and current_row.content_hash <> seen_once.content_hash
)))
