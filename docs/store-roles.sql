-- Roles with no more rights than they need, for a store in a Postgres of your own.
--
--   pikkit_store     owns the schemas raw, processed, quarantine, features, ops and feast, and nothing else: POSTGRES_USER of
--                    every `pikkit` verb
--   pikkit_trainer   reads features and Feast's registry: POSTGRES_USER where models are trained or bets are scored
--   pikkit_source    reads the one table of bets, where that lies in a Postgres too: the role in SOURCE_POSTGRES_URL
--
-- Run it in the store's database as a superuser, or as a role that owns the database and may create roles; once before the
-- first `pikkit migrate` and `pikkit apply`, and once after. It may run any number of times.
--
--   psql -d <database> -f docs/store-roles.sql
--   \password pikkit_store         and the same for the others: they have none yet, so a server that asks for one refuses them
--
-- Section 4 takes away what Postgres lets everybody do in a database. Another program in it that uses temporary tables,
-- large objects or advisory locks, as a role of its own that is no superuser, needs a grant of its own.
--
-- Of the source's database only section 3 is meant; change public.bets there if the table is called otherwise. For a Supabase
-- project read through its REST API see docs/supabase.sql.

-- ---- 1  the store ----------------------------------------------------------------------------------------------------

do $$
begin
    if not exists (select from pg_roles where rolname = 'pikkit_store') then
        create role pikkit_store;
    end if;
    alter role pikkit_store with login nosuperuser nocreatedb nocreaterole;
    -- Whoever is no superuser gives away rights on the store's tables (section 2) as a member of its role only.
    if not pg_has_role(current_user, 'pikkit_store', 'usage') then
        execute format('grant pikkit_store to %I', current_user);
    end if;
    -- `pikkit migrate` creates the schemas, and owns them by that. It makes sure of them each time, for which Postgres asks
    -- for the right to create them even where they are there. Temporary tables hold what is not checked yet.
    execute format('grant connect, create, temporary on database %I to pikkit_store', current_database());
end
$$;

-- PostgreSQL 15 and later do not let everybody create tables in public; a database that comes from an older one still does.
revoke create on schema public from public;

-- ---- 2  training and scoring -----------------------------------------------------------------------------------------

do $$
begin
    if not exists (select from pg_roles where rolname = 'pikkit_trainer') then
        create role pikkit_trainer;
    end if;
    alter role pikkit_trainer with login nosuperuser nocreatedb nocreaterole;
    execute format('grant connect on database %I to pikkit_trainer', current_database());
    if to_regnamespace('features') is null or to_regnamespace('feast') is null then
        raise notice 'pikkit_trainer may read nothing yet: run this file again after `pikkit migrate`';
    else
        grant usage on schema features, feast to pikkit_trainer;
        grant select on all tables in schema features, feast to pikkit_trainer;
        -- what later migrations add
        alter default privileges for role pikkit_store in schema features grant select on tables to pikkit_trainer;
        alter default privileges for role pikkit_store in schema feast grant select on tables to pikkit_trainer;
        -- Where PIKKIT_SERVED_VECTORS keeps a share of the vectors that are scored: they are added and never read here.
        if to_regclass('ops.served_vectors') is not null then
            grant usage on schema ops to pikkit_trainer;
            grant insert on ops.served_vectors to pikkit_trainer;
        end if;
        -- An earlier version of this file granted it; nothing is written to read features.
        revoke create on schema feast from pikkit_trainer;
    end if;
end
$$;

-- ---- 3  the source ---------------------------------------------------------------------------------------------------

do $$
begin
    if to_regclass('public.bets') is not null then
        if not exists (select from pg_roles where rolname = 'pikkit_source') then
            create role pikkit_source;
        end if;
        alter role pikkit_source with login nosuperuser nocreatedb nocreaterole;
        execute format('grant connect on database %I to pikkit_source', current_database());
        grant usage on schema public to pikkit_source;
        grant select on public.bets to pikkit_source;
        -- Row level security hides every row from a role without a policy, and does not say so.
        if (select relrowsecurity from pg_class where oid = 'public.bets'::regclass) and not exists (
            select from pg_policy where polrelid = 'public.bets'::regclass and polname = 'pikkit_source'
        ) then
            create policy pikkit_source on public.bets for select to pikkit_source using (true);
        end if;
    end if;
end
$$;

-- An hourly sync finds what changed by an index that begins with updated_at. Without one it reads the whole table. To make it
-- without blocking the app:
--   create index concurrently on public.bets (updated_at, id);

-- ---- 4  what everybody may do unless it is taken away ------------------------------------------------------------------

-- Only who may change ops.run_lock can take the run lock, so no reader holds up a run. What is left for a reader: `lock table` in
-- access share mode on what it may read and a transaction that stays open, both of which make a migration wait and keep vacuum
-- from old rows; listen and notify; a login's share of the connections; the catalogs, with everybody's table names. Against these:
--   alter role pikkit_trainer set idle_in_transaction_session_timeout = '10min';
--   alter role pikkit_trainer connection limit 20;

do $$
declare
    routine regprocedure;
begin
    execute format('revoke temporary on database %I from public', current_database());
    -- A function belongs to whoever made the cluster: nobody else can take it from everybody (at Supabase, nobody).
    if not (select rolsuper from pg_roles where rolname = current_user) then
        raise notice 'large objects and advisory locks stay open to every role: only a superuser can take them away';
        return;
    end if;
    for routine in
        select oid::regprocedure from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace
          and (proname like 'lo\_%' or proname in ('loread', 'lowrite') or proname like 'pg\_%advisory%')
    loop
        execute format('revoke execute on function %s from public', routine);
    end loop;
    -- Those who migrate take turns by one.
    grant execute on function pg_advisory_lock(bigint), pg_advisory_unlock(bigint) to pikkit_store;
end
$$;
