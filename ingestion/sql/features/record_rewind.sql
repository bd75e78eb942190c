-- Grain    one row: this rewind
-- Reads    features.watermark
-- Writes   ops.rewinds
-- Params   run_id, now
insert into ops.rewinds (run_id, rewound_from, rewound_to)
select %(run_id)s, features_watermark, %(now)s from features.watermark
