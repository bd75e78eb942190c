-- Files whose columns are not those of bets: the format that each stream is read with.

-- Rows of such a file are kept as they came, also in quarantine, so trying them again needs to know what they mean.
create table ops.stream_formats (
    stream      text        primary key,
    name        text        not null,
    declaration text,
    run_id      uuid        not null,
    declared_at timestamptz not null
);

comment on table ops.stream_formats is 'The format that a stream was last read with; no row for tables and files of bets.';
comment on column ops.stream_formats.declaration is
    'The mapping file, to the character; null for a format that ships, which is then the one of the installed version.';
