-- Grain    one row per version that became known after an instant
-- Reads    processed.bet_versions
-- Writes   processed.bet_versions, raw.bet_versions (known_at), ops.rewound_versions (as it was). What was learned at one instant stays
--          so, and the order in which things were learned stays: instants follow each other a microsecond apart, from now on.
-- Params   run_id, now
with moved as (
    select seq, known_at, %(now)s::timestamptz + dense_rank() over (order by known_at) * interval '1 microsecond' as rewound
    from processed.bet_versions
    where known_at > %(now)s
),

kept as (
    insert into ops.rewound_versions (run_id, seq, known_at)
    select %(run_id)s, seq, known_at from moved
),

of_raw as (
    update raw.bet_versions
    set known_at = moved.rewound
    from moved
    where bet_versions.seq = moved.seq
)

update processed.bet_versions
set known_at = moved.rewound
from moved
where bet_versions.seq = moved.seq
