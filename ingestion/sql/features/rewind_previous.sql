-- Grain    one row per counted version that became known after an instant, of a bet of which another one was withheld for that instant
-- Reads    processed.bet_versions
-- Writes   processed.bet_versions.previous_seq: the counted version before it
-- Params   now
update processed.bet_versions as version
set previous_seq = (
    select max(earlier.seq)
    from processed.bet_versions as earlier
    where earlier.id = version.id and earlier.seq < version.seq and not earlier.is_superseded
)
where
    version.known_at > %(now)s
    and not version.is_superseded
    and version.id in (
        select withheld.id
        from processed.bet_versions as withheld
        where withheld.known_at > %(now)s and withheld.time_placed >= %(now)s and withheld.is_superseded
    )
