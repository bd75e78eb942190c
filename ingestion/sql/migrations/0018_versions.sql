-- Since when a feature has a version and what took its place, versions of features on demand, and a vocabulary that
-- nobody can change.

-- ---- versions of features --------------------------------------------------------------------------------------------

alter table features.feature_metadata
    alter column data_checksum drop not null,
    alter column record_count drop not null,
    alter column last_computed_at drop not null,
    add column first_computed_at timestamptz,
    add column run_id uuid,
    add column replaced_at timestamptz,
    add column replaced_by integer,
    add check ((computation_mode = 'on_demand') = (record_count is null)),
    add check (replaced_by > version);

comment on table features.feature_metadata is
    'One row per feature and version; a version is a definition. Rows of earlier versions stay.';
comment on column features.feature_metadata.computation_mode is
    'batch: computed by runs and stored. on_demand: computed from the bet of a request; nothing is stored, so there is '
    'neither checksum, count nor last_computed_at.';
comment on column features.feature_metadata.first_computed_at is
    'The clock of the run that first computed it so; on demand: from when on it is computed so. Null where that was before '
    'this was kept.';
comment on column features.feature_metadata.run_id is
    'The run that first computed it so; null where that was before this was kept, and on demand where an apply did it.';
comment on column features.feature_metadata.replaced_at is
    'When the next version took its place; null while none has, and where one had before this was kept.';
comment on column features.feature_metadata.replaced_by is 'The version that took its place; null while none has.';

-- What was computed first was so by the first run that was published.
update features.feature_metadata
set first_computed_at = first_run.now, run_id = first_run.run_id
from (
    select runs.run_id, runs.now
    from ops.gates
    join ops.runs using (run_id)
    where gates.state <> 'refused'
    order by runs.started_at
    limit 1
) as first_run
where version = 1;

update features.feature_metadata as earlier
set replaced_by = (
    select min(later.version)
    from features.feature_metadata as later
    where later.view = earlier.view and later.feature = earlier.feature and later.version > earlier.version
);

-- ---- vocabulary ------------------------------------------------------------------------------------------------------

alter table features.vocabulary
    add column first_seq bigint,
    add column known_at timestamptz,
    add column run_id uuid;

comment on table features.vocabulary is
    'The code of each name. Codes of a column count up from 1 in the order in which its names became known; none ever '
    'changes or goes. 0 is a name that is not here.';
comment on column features.vocabulary.first_seq is 'The first version in the log that has the name.';
comment on column features.vocabulary.known_at is
    'The known_at of that version: from then on the name has its code. Only a rewind moves it, as it moves the version''s.';
comment on column features.vocabulary.run_id is
    'The run whose publication gave the code; null where that was before runs were judged.';

with appearance as (
    select pair.column_name, pair.value, min(seq) as first_seq
    from processed.bet_versions
    cross join lateral (values
        ('sport', sport), ('league', league), ('market', market), ('institution_name', institution_name), ('bet_type', bet_type)
    ) as pair (column_name, value)
    where pair.value is not null
    group by pair.column_name, pair.value
)

update features.vocabulary
set first_seq = appearance.first_seq,
    known_at = bet_versions.known_at,
    run_id = (
        select gates.run_id
        from ops.gates
        where gates.state <> 'refused'
            and gates.reason is distinct from 'published before there were gates'
            and appearance.first_seq > gates.since_seq
            and appearance.first_seq <= gates.until_seq
        order by gates.until_seq, gates.run_id
        limit 1
    )
from appearance
join processed.bet_versions on bet_versions.seq = appearance.first_seq
where vocabulary.column_name = appearance.column_name and vocabulary.value = appearance.value;

-- Models are trained on codes: who changes one changes what every model of the store was told, and nothing would say so.
create function features.refuse_other_codes() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and (old.column_name, old.value, old.code) = (new.column_name, new.value, new.code) then
        return new;
    end if;
    raise exception 'a code of features.vocabulary, once given, is neither changed nor taken back'
        using errcode = 'restrict_violation',
            hint = 'Models were trained on it. A name that nothing has any more keeps its code.';
end
$$;

create trigger codes_stay before update or delete on features.vocabulary
    for each row execute function features.refuse_other_codes();
create trigger all_codes_stay before truncate on features.vocabulary
    for each statement execute function features.refuse_other_codes();
