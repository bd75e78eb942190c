-- Grain    one row per feature and version; a version is a definition, and its history is kept
-- Writes   features.feature_metadata: the newest version of each feature, and in the one before it what took its place
-- Params   mode (batch or on_demand), run_id, now
--          views, features, definition_hashes, versions (published ones), checksums and rows: parallel arrays, an element a feature;
--          the last two of the view's new change rows, or of all where from_scratch; null on demand
-- Rows added beside those of another definition count to its version; features that are new with today's wait for a backfill.
-- A store that skipped published versions has the numbers that were published; one with versions of its own counts on.
with newest as (
    select distinct on (view, feature) *
    from features.feature_metadata
    where view = any(%(views)s)
    order by view, feature, version desc
),

described as (
    select
        listed.view,
        listed.feature,
        listed.checksum,
        listed.rows,
        case
            when not %(from_scratch)s or newest.definition_hash = listed.definition_hash then coalesce(newest.version, listed.version)
            else greatest(newest.version + 1, listed.version)
        end as version,
        case when %(from_scratch)s then listed.definition_hash else coalesce(newest.definition_hash, listed.definition_hash) end as definition_hash,
        case when %(from_scratch)s then 0 else coalesce(newest.data_checksum, 0) end as checksum_before,
        case when %(from_scratch)s then 0 else coalesce(newest.record_count, 0) end as rows_before
    from unnest(
        %(views)s::text[], %(features)s::text[], %(definition_hashes)s::text[], %(versions)s::integer[],
        %(checksums)s::numeric[], %(rows)s::bigint[]
    ) as listed (view, feature, definition_hash, version, checksum, rows)
    left join newest using (view, feature)
    where %(from_scratch)s or newest.feature is not null or listed.view not in (select newest.view from newest)
),

replaced as (
    update features.feature_metadata as earlier
    set replaced_at = %(now)s, replaced_by = described.version
    from described
    where earlier.view = described.view
        and earlier.feature = described.feature
        and earlier.version < described.version
        and earlier.replaced_by is null
)

insert into features.feature_metadata (
    feature, version, view, computation_mode, definition_hash, data_checksum, record_count, last_computed_at,
    first_computed_at, run_id
)
select
    feature, version, view, %(mode)s, definition_hash,
    mod(checksum_before + checksum, 2::numeric ^ 64), rows_before + rows,
    case when %(mode)s = 'batch' then %(now)s::timestamptz end,
    %(now)s, %(run_id)s::uuid
from described
on conflict (feature, view, version) do update
set data_checksum = excluded.data_checksum,
    record_count = excluded.record_count,
    last_computed_at = case
        when %(from_scratch)s then excluded.last_computed_at
        else greatest(feature_metadata.last_computed_at, excluded.last_computed_at)
    end
