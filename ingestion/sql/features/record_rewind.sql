-- Grain    one row: this rewind
-- Reads    features.reach
-- Writes   ops.rewinds
-- Params   run_id, now
insert into ops.rewinds (run_id, rewound_from, rewound_to)
select %(run_id)s, refreshed_at, %(now)s from features.reach
