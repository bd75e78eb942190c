-- The role of `pikkit env --read-only` in an embedded Postgres: it reads the features and Feast's registry, now and after later
-- migrations, and may change nothing. Repeatable. For a Postgres of somebody's own: docs/store-roles.sql (pikkit_trainer).
-- Writes   roles and rights
do $$
declare
    routine regprocedure;
begin
    if not exists (select from pg_roles where rolname = 'pikkit_viewer') then
        create role pikkit_viewer;
    end if;
    alter role pikkit_viewer with login nosuperuser nocreatedb nocreaterole;
    alter role pikkit_viewer set default_transaction_read_only = on;
    revoke create on schema public from public;
    -- What Postgres lets everybody do in a database, and would let the viewer write.
    execute format('revoke temporary on database %I from public', current_database());
    for routine in
        select oid::regprocedure from pg_proc
        where
            pronamespace = 'pg_catalog'::regnamespace
            and (proname like 'lo\_%' or proname in ('loread', 'lowrite') or proname like 'pg\_%advisory%')
            -- Nothing is changed where that was done before.
            and has_function_privilege('pikkit_viewer', oid, 'execute')
    loop
        execute format('revoke execute on function %s from public', routine);
    end loop;
    grant usage on schema features, feast to pikkit_viewer;
    grant select on all tables in schema features, feast to pikkit_viewer;
    alter default privileges in schema features grant select on tables to pikkit_viewer;
    alter default privileges in schema feast grant select on tables to pikkit_viewer;
end
$$
