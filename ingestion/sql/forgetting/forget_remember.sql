-- Grain    one row per bet, and per user, that is not taken in any more
-- Writes   ops.forgotten
-- Params   digests, kinds: parallel arrays
insert into ops.forgotten (digest, kind)
select * from unnest(%(digests)s::bytea[], %(kinds)s::text[])
on conflict (digest) do nothing
