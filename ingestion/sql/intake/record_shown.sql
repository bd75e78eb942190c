-- Grain    one row per bet that the table shows as it is known
-- Reads    pg_temp.shown, pg_temp.incoming
-- Writes   raw.shown_bets: that the table showed it, where its newest raw version does not say so. Of a bet that it shows otherwise
--          a version of its own does.
-- Params   source
with shown_as_known as (
    select shown.id, case when not is_spelled_so then payload::json end as payload
    from shown join incoming using (arrival)
    where shown.id is not null
      and shown.content_hash = newest_hash
      and (newest_stream <> %(source)s or not is_spelled_so)
),

outdated as (
    delete from raw.shown_bets
    using shown
    where shown_bets.id = shown.id
      and (shown.content_hash is distinct from newest_hash or (newest_stream = %(source)s and is_spelled_so))
)

insert into raw.shown_bets (id, stream, payload)
select id, %(source)s, payload from shown_as_known
on conflict (id) do update
set stream = excluded.stream, payload = excluded.payload
where shown_bets.stream <> excluded.stream or shown_bets.payload::text is distinct from excluded.payload::text
