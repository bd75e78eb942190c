-- Grain    the one row of features.reach
-- Reads    processed.bet_versions
-- Writes   features.reach. The mark is the clock of this refresh, or the log's last instant where that is ahead of the clock
--          (by five minutes at most: quality/schema); it never moves back.
-- Params   seq, now, run_id
insert into features.reach (seq, refreshed_at, run_id)
values (
    %(seq)s,
    greatest(%(now)s, (select known_at from processed.bet_versions where seq <= %(seq)s order by seq desc limit 1)),
    %(run_id)s
)
on conflict (only_row) do update
set seq = excluded.seq,
    refreshed_at = greatest(reach.refreshed_at, excluded.refreshed_at),
    run_id = excluded.run_id
