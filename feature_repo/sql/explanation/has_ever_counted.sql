-- Grain    one row: whether a version of the group added anything to it, up to the end of an instant at least
-- Reads    versions
-- Format   versions: group_versions.sql; adds: a condition on it
select exists (
    select
    from ({versions}) as version
    where {adds} and state in ('counts', 'replaced') and (replaced_at is null or replaced_at > known_at)
)
