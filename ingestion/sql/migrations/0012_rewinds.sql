-- What a store was told by a clock that ran ahead, and what it was told instead when it was put back to the present.

create table ops.rewinds (
    run_id       uuid        primary key references ops.runs,
    -- the mark that was taken back, and the one that took its place
    rewound_from timestamptz not null,
    rewound_to   timestamptz not null
);

-- The versions that had become known after that instant, as they had. In processed.bet_versions stands when they count from now.
create table ops.rewound_versions (
    run_id   uuid        not null references ops.rewinds,
    seq      bigint      not null,
    known_at timestamptz not null,
    primary key (run_id, seq)
);

comment on table ops.rewinds is 'Each time that a clock which had run ahead was taken back.';
comment on table ops.rewound_versions is 'When versions had become known by a clock that ran ahead.';
