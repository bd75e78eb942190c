-- What a Supabase project needs for pikkit: paste it into the SQL editor and run it. It may be run again at any time.
--
--   1  two indexes on public.bets     so that an hourly sync reads what changed, and not the whole table
--   2  the role pikkit_reader         may read public.bets, and nothing else                     SUPABASE_KEY
--   3  two functions                  so that `pikkit reconcile` need not read every row, and `pikkit doctor` sees
--                                     whether ids are unique and updates are stamped
--   4  three tables, pikkit_publisher may write them, and nothing else                           SUPABASE_PUBLISH_KEY
--   5  a trigger on public.bets       so that every row that changes gets a new updated_at, without which no hourly sync
--                                     sees the change
--
-- Sections 1 to 3 and 5 are for `pikkit run` and `pikkit reconcile`, section 4 is for `pikkit publish-supabase`; either
-- goes without the other. If your table of bets is another one (SUPABASE_SCHEMA, SUPABASE_TABLE), put its name for
-- public.bets in sections 1, 2 and 5, and leave section 3 out. If the three tables are to stand in another schema (SUPABASE_SCHEMA again),
-- put it for public in section 4. Instead of these roles the key of service_role would do, but it may change everything.
--
-- A key to a role is a token (JWT) that names it, signed with the project's JWT secret (Project Settings, JWT Keys):
--
--   .venv/bin/python -c 'import getpass, time, jwt; now = int(time.time()); print(jwt.encode({"iss": "supabase", \
--     "role": "pikkit_reader", "iat": now, "exp": now + 365 * 86400}, getpass.getpass("JWT secret: "), "HS256"))'
--
-- and the same with pikkit_publisher. Such a key ends after a year; to end it sooner, drop the role or rotate the secret.
-- On supabase.co set SUPABASE_APIKEY as well, to the project's publishable (anon) key: the gateway in front of the API
-- lets only the project's own keys in, and passes the token on, which says as whom.


-- ---- 1  indexes ------------------------------------------------------------------------------------------------------
-- On a large table that is written all day, run these two lines by themselves with `create index concurrently`.

create index if not exists bets_updated_at_id on public.bets (updated_at, id);
create index if not exists bets_created_at_id on public.bets (created_at, id) where updated_at is null;


-- ---- 2  the role that reads ------------------------------------------------------------------------------------------

do $$
begin
    if not exists (select from pg_roles where rolname = 'pikkit_reader') then
        create role pikkit_reader nologin noinherit;
    end if;
end $$;

grant pikkit_reader to authenticator;
grant usage on schema public to pikkit_reader;
grant select on public.bets to pikkit_reader;

-- Counting and digesting millions of rows takes longer than the 8 seconds that the API has by default.
alter role pikkit_reader set statement_timeout = '60s';

-- Sleeps while row level security is off on the table. Without it, switching that on would show pikkit an empty table.
drop policy if exists pikkit_reader_reads on public.bets;
create policy pikkit_reader_reads on public.bets for select to pikkit_reader using (true);


-- ---- 3  functions for `pikkit reconcile` and `pikkit doctor` ---------------------------------------------------------
-- Both run with the rights of whoever calls them.
--
-- pikkit_bet_digests: per UTC day of a row's stamp (updated_at, else created_at; null where a row has neither) the number
-- of rows with an id, and the sum of their digests: the first 64 bits, signed, of the md5 of the row's JSON, as the API
-- spells it, of these columns in this order. A timestamp without a time zone is UTC. Where ids may repeat, the row with
-- the newest stamp counts, of several the one with the greatest digest. `after_day` and `last_day` bound the days, so
-- that a large table can be asked in parts; rows without a stamp come where `after_day` is null.

drop function if exists public.pikkit_bet_digests();

create or replace function public.pikkit_bet_digests(of_columns text[], after_day date default null, last_day date default null)
returns table (day date, rows bigint, digest text)
language plpgsql stable security invoker parallel safe
set search_path = ''
as $$
declare
    known text := (
        select string_agg(format('bet.%I', wanted.name), ', ' order by wanted.position)
        from unnest(of_columns) with ordinality as wanted (name, position)
    );
    -- in microseconds since 1970
    stamp text := 'case when isfinite(bet.updated_at) then (extract(epoch from bet.updated_at) * 1000000)::bigint'
        || case when 'created_at' = any (of_columns)
            then ' when isfinite(bet.created_at) then (extract(epoch from bet.created_at) * 1000000)::bigint' else '' end
        || ' end';
    -- the stamps behind `after_day`, and up to the end of `last_day`; null: no bound
    from_stamp bigint := case
        when after_day = '-infinity' then -9223372036854775808
        else (extract(epoch from after_day + 1) * 1000000)::bigint
    end;
    before_stamp bigint := (extract(epoch from last_day + 1) * 1000000)::bigint;
    has_unique_id boolean := (select facts.has_unique_id from public.pikkit_bet_facts() as facts);
    bets text := format(
        'select bet.id::text as id, %s as stamp, (''x'' || left(md5(row_to_json(known)::text), 16))::bit(64)::bigint as digest '
        'from public.bets as bet cross join lateral (select %s) as known where bet.id is not null', stamp, known);
begin
    if not has_unique_id then
        bets := format(
            'select distinct on (id) id, stamp, digest from (%s) as rows order by id, stamp desc nulls last, digest desc', bets);
    end if;
    return query execute format(
        'select date ''1970-01-01'' + (stamp / 86400000000 - (stamp %% 86400000000 < 0)::int)::int, count(*), sum(digest)::text '
        'from (%s) as bets '
        'where ($1 is null or stamp >= $1) and ($2 is null or stamp is null or stamp < $2) '
        'group by 1', bets)
    using from_stamp, before_stamp;
end
$$;

-- pikkit_bet_facts: whether an index lets no id repeat, and whether something runs before each row that is updated.

drop function if exists public.pikkit_bet_facts();

create function public.pikkit_bet_facts()
returns table (has_unique_id boolean, has_update_trigger boolean)
language sql stable security invoker parallel safe
set search_path = ''
as $$
    select
        exists (
            select
            from pg_catalog.pg_index as index
            join pg_catalog.pg_attribute as attribute
                on attribute.attrelid = index.indrelid and attribute.attnum = index.indkey[0]
            where index.indrelid = 'public.bets'::regclass
              and index.indisunique
              and index.indisvalid
              and index.indnkeyatts = 1
              and index.indpred is null
              and attribute.attname = 'id'
        ),
        exists (
            select
            from pg_catalog.pg_trigger as trigger
            where trigger.tgrelid = 'public.bets'::regclass
              and not trigger.tgisinternal
              and trigger.tgenabled in ('O', 'A')
              and trigger.tgtype & 1 = 1
              and trigger.tgtype & 2 = 2
              and trigger.tgtype & 16 = 16
        )
$$;

revoke all on function public.pikkit_bet_digests(text[], date, date), public.pikkit_bet_facts()
from public, anon, authenticated;
grant execute on function public.pikkit_bet_digests(text[], date, date), public.pikkit_bet_facts() to pikkit_reader;


-- ---- 4  the latest values, and the role that writes them -------------------------------------------------------------
-- One row per sport, per market of a sport, per institution. Null is "not known". A bet without a market is counted
-- under the market ''. Money is in units; total_bets are wins and losses; roi is in percent of the stake at risk;
-- recent_win_rate is of the newest 10 graded bets; updated_at is when the group last changed.
--
-- Where pikkit's own store is in this database, nothing needs publishing: leave this section out and expose the views
-- features.feature_sport_stats, feature_sport_market_stats and feature_institution_stats, which always hold the same:
--   create view public.feature_sport_stats as select * from features.feature_sport_stats;
--   revoke all on public.feature_sport_stats from anon, authenticated;  -- then grant select to whom it is for

create table if not exists public.feature_sport_stats (
    sport        text primary key,
    win_rate     double precision,
    roi          double precision,
    total_bets   bigint,
    total_amount numeric(14, 2),
    total_profit numeric(14, 2),
    updated_at   timestamptz
);

create table if not exists public.feature_sport_market_stats (
    sport           text,
    market          text,
    win_rate        double precision,
    roi             double precision,
    total_bets      bigint,
    recent_win_rate double precision,
    updated_at      timestamptz,
    primary key (sport, market)
);

create table if not exists public.feature_institution_stats (
    institution_name text primary key,
    win_rate         double precision,
    roi              double precision,
    total_bets       bigint,
    updated_at       timestamptz
);

-- Tables that were there before may be of the original design: real, not null, and 0.5 for what is not known. A column
-- that has its type already is not rewritten.
do $$
declare
    found record;
begin
    for found in
        select wanted.*
        from (values
            ('feature_sport_stats', 'win_rate', 'double precision'),
            ('feature_sport_stats', 'roi', 'double precision'),
            ('feature_sport_stats', 'total_bets', 'bigint'),
            ('feature_sport_stats', 'total_amount', 'numeric(14,2)'),
            ('feature_sport_stats', 'total_profit', 'numeric(14,2)'),
            ('feature_sport_stats', 'updated_at', 'timestamp with time zone'),
            ('feature_sport_market_stats', 'win_rate', 'double precision'),
            ('feature_sport_market_stats', 'roi', 'double precision'),
            ('feature_sport_market_stats', 'total_bets', 'bigint'),
            ('feature_sport_market_stats', 'recent_win_rate', 'double precision'),
            ('feature_sport_market_stats', 'updated_at', 'timestamp with time zone'),
            ('feature_institution_stats', 'win_rate', 'double precision'),
            ('feature_institution_stats', 'roi', 'double precision'),
            ('feature_institution_stats', 'total_bets', 'bigint'),
            ('feature_institution_stats', 'updated_at', 'timestamp with time zone')
        ) as wanted (in_table, called, type)
        join pg_attribute as attribute
            on attribute.attrelid = to_regclass('public.' || in_table) and attribute.attname = called
        where attribute.attnotnull or attribute.atthasdef or format_type(attribute.atttypid, attribute.atttypmod) <> type
    loop
        execute format(
            'alter table public.%1$I alter column %2$I drop default, alter column %2$I drop not null, '
            'alter column %2$I type %3$s', found.in_table, found.called, found.type);
    end loop;
end $$;

do $$
begin
    if not exists (select from pg_roles where rolname = 'pikkit_publisher') then
        create role pikkit_publisher nologin noinherit;
    end if;
end $$;

grant pikkit_publisher to authenticator;
grant usage on schema public to pikkit_publisher;

-- A new table of a Supabase project is open to the API's roles until that is taken back.
revoke all on public.feature_sport_stats, public.feature_sport_market_stats, public.feature_institution_stats
from public, anon, authenticated;
grant select, insert, update, delete
on public.feature_sport_stats, public.feature_sport_market_stats, public.feature_institution_stats
to pikkit_publisher;

alter table public.feature_sport_stats enable row level security;
alter table public.feature_sport_market_stats enable row level security;
alter table public.feature_institution_stats enable row level security;

drop policy if exists pikkit_publisher_writes on public.feature_sport_stats;
drop policy if exists pikkit_publisher_writes on public.feature_sport_market_stats;
drop policy if exists pikkit_publisher_writes on public.feature_institution_stats;
create policy pikkit_publisher_writes on public.feature_sport_stats
for all to pikkit_publisher using (true) with check (true);
create policy pikkit_publisher_writes on public.feature_sport_market_stats
for all to pikkit_publisher using (true) with check (true);
create policy pikkit_publisher_writes on public.feature_institution_stats
for all to pikkit_publisher using (true) with check (true);

-- Optional: let every user who is signed in read them. Take the dashes away; run it after the lines above.
-- grant select on public.feature_sport_stats, public.feature_sport_market_stats, public.feature_institution_stats
-- to authenticated;
-- drop policy if exists signed_in_reads on public.feature_sport_stats;
-- drop policy if exists signed_in_reads on public.feature_sport_market_stats;
-- drop policy if exists signed_in_reads on public.feature_institution_stats;
-- create policy signed_in_reads on public.feature_sport_stats for select to authenticated using (true);
-- create policy signed_in_reads on public.feature_sport_market_stats for select to authenticated using (true);
-- create policy signed_in_reads on public.feature_institution_stats for select to authenticated using (true);


-- ---- 5  every change has a new stamp ---------------------------------------------------------------------------------
-- A sync reads what has a newer updated_at than what it read before. An UPDATE that leaves updated_at as it was (a bet
-- settled by a script, say) is seen by `pikkit reconcile` only. This trigger stamps each row that an UPDATE really changes,
-- whatever the UPDATE itself says of updated_at. If the table has such a trigger already (Supabase's moddatetime, say),
-- leave this section out. If updated_at comes from somewhere else and must be kept, leave it out too.

create or replace function public.pikkit_stamp_update()
returns trigger
language plpgsql
-- What is stored in a timestamp without a time zone is UTC.
set search_path = '' set timezone = 'UTC'
as $$
begin
    new.updated_at = now();
    return new;
end
$$;

revoke all on function public.pikkit_stamp_update() from public, anon, authenticated;

drop trigger if exists pikkit_stamp_update on public.bets;
create trigger pikkit_stamp_update before update on public.bets
for each row when (old.* is distinct from new.*) execute function public.pikkit_stamp_update();


-- The API learns of all this.
notify pgrst, 'reload schema';
notify pgrst, 'reload config';
