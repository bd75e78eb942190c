-- Grain    one row per bet that is deleted
-- Reads    pg_temp.tombstones
-- Writes   raw.bet_versions, raw.shown_bets, quarantine.bets (open rows of the bet ask for nothing any more),
--          processed.bet_versions.is_current
-- Params   run_id, source, now
with kept as (
    insert into raw.bet_versions
        (seq, batch_id, id, updated_at, known_at, content_hash, returns_after, payload, source, received_at)
    select
        seq, %(run_id)s, id, updated_at, known_at, content_hash, newest_seq, payload, %(source)s, %(now)s
    from tombstones
),

unshown as (
    delete from raw.shown_bets
    using tombstones
    where shown_bets.id = tombstones.id
),

settled as (
    update quarantine.bets
    set state = 'superseded', settled_by = tombstones.seq, settled_at = %(now)s
    from tombstones
    where bets.id = tombstones.id and bets.state = 'open'
)

update processed.bet_versions
set is_current = false
from tombstones
where bet_versions.seq = tombstones.current_seq
