-- Which table a bet is the business of, how that table spells it, and tables whose ids repeat.

-- A bet is the business of the stream of its newest raw version, unless a row here says otherwise: a table that showed
-- it since without a new version (it was moved there, loaded from a file first, or read over the other road), or the
-- table that had it before a file or a retry brought a version. One row per such bet.
create table raw.shown_bets (
    id      text primary key,
    stream  text not null,
    -- the row as the stream shows it, where it spells it otherwise than the newest raw version
    payload json
);

comment on table raw.shown_bets is 'Bets that a table showed last, where their newest raw version does not say so.';

-- So far a bet was that of the tables that ever sent it, whatever files brought since.
insert into raw.shown_bets (id, stream)
select newest.id, shown.source
from (select distinct on (id) id, source from raw.bet_versions where id is not null order by id, seq desc) as newest
cross join lateral (
    select source
    from raw.bet_versions
    where bet_versions.id = newest.id and (source like 'postgres:%' or source like 'supabase:%')
    order by seq desc
    limit 1
) as shown
where not (newest.source like 'postgres:%' or newest.source like 'supabase:%');

alter table ops.sync_state add column repeated_ids bigint not null default 0;

comment on column ops.sync_state.repeated_ids is
    'How many ids more than one row of the table has, as far as syncs have seen. Of these rows the newest counts.';
