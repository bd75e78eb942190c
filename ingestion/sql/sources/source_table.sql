-- Grain    one row: the table that bets are read from, and what our role may do there
-- Reads    the catalogue
-- Params   schema, table
select
    current_user as role,
    current_setting('server_version') as version,
    clock_timestamp() as clock,
    relation.relkind::text as kind,
    -- Row level security does not say so when it hides rows. It hides all of them where no policy is for us.
    row_security_active(relation.oid) as is_filtered,
    exists (
        select
        from pg_policy as policy
        where policy.polrelid = relation.oid
          and policy.polpermissive
          and policy.polcmd in ('r', '*')
          and exists (
              select from unnest(policy.polroles) as member (role)
              where member.role = 0 or pg_has_role(member.role, 'usage')
          )
    ) as has_policy,
    -- whether one of these policies lets every row through, and none takes rows away
    exists (
        select
        from pg_policy as policy
        where policy.polrelid = relation.oid
          and policy.polpermissive
          and policy.polcmd in ('r', '*')
          and pg_get_expr(policy.polqual, relation.oid) = 'true'
          and exists (
              select from unnest(policy.polroles) as member (role)
              where member.role = 0 or pg_has_role(member.role, 'usage')
          )
    ) and not exists (
        select from pg_policy as policy where policy.polrelid = relation.oid and not policy.polpermissive
    ) as sees_every_row,
    array(
        select privilege
        from unnest(array['insert', 'update', 'delete', 'truncate']) with ordinality as wanted (privilege, position)
        where has_table_privilege(relation.oid, privilege)
        order by position
    ) as writes,
    exists (
        select
        from pg_index as index
        join pg_attribute as attribute on attribute.attrelid = relation.oid and attribute.attnum = index.indkey[0]
        where index.indrelid = relation.oid
          and index.indisvalid
          and index.indpred is null
          and attribute.attname = 'updated_at'
    ) as has_index,
    exists (
        select
        from pg_index as index
        join pg_attribute as attribute on attribute.attrelid = relation.oid and attribute.attnum = index.indkey[0]
        where index.indrelid = relation.oid
          and index.indisunique
          and index.indisvalid
          and index.indnkeyatts = 1
          and index.indpred is null
          and attribute.attname = 'id'
    ) as has_unique_id,
    -- Whether it sets updated_at only its source could tell. It may: it runs before each row that is updated.
    exists (
        select
        from pg_trigger as trigger
        where trigger.tgrelid = relation.oid
          and not trigger.tgisinternal
          and trigger.tgenabled in ('O', 'A')
          and trigger.tgtype & 1 = 1
          and trigger.tgtype & 2 = 2
          and trigger.tgtype & 16 = 16
    ) as has_update_trigger
from pg_class as relation
where relation.oid = to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text))
