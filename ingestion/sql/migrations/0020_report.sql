-- What the report draws of the newest judgement: how values are distributed, and how far a batch moved. A judgement replaces
-- what the one before it had left; ops.drift and ops.gate_results keep the measures of all.

create table ops.distributions (
    run_id          uuid    not null references ops.runs,
    view            text    not null,
    feature         text    not null,
    -- of numbers: the ends of bins of equal width, ascending, one more than there are bins; the first and the last bin hold
    -- what lies beyond them too
    edges           double precision[],
    -- of text and flags: a value for each bin; the last one is null where it stands for all rarer values
    labels          text[],
    -- values in each bin: of this refresh, and of the last accepted one
    rows            bigint[] not null,
    reference_rows  bigint[] not null,
    nulls           bigint   not null,
    reference_nulls bigint   not null,
    primary key (run_id, view, feature),
    check ((edges is null) <> (labels is null))
);

create table ops.shifts (
    run_id         uuid             not null references ops.runs,
    test           text             not null,
    -- by which column the batch was divided, and the part; nulls for the whole batch, and for bets that have no name there
    segment_column text,
    segment        text,
    rows           bigint           not null,
    reference_rows bigint           not null,
    value          double precision,
    expected       double precision,
    -- robust standard deviations, never below 0
    score          double precision,
    description    text             not null
);

comment on table ops.distributions is 'How the values of each feature are distributed, of the newest judgement alone.';
comment on table ops.shifts is 'What is odd about the batch of the newest judgement, by test and segment.';
