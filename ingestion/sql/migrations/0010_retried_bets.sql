-- A bet that a retry brought stays that of the stream which brought it before: the file's, as it was a table's already.
insert into raw.shown_bets (id, stream)
select newest.id, before.source
from (select distinct on (id) id, source from raw.bet_versions where id is not null order by id, seq desc) as newest
cross join lateral (
    select source
    from raw.bet_versions
    where bet_versions.id = newest.id and source <> 'quarantine'
    order by seq desc
    limit 1
) as before
where newest.source = 'quarantine'
on conflict (id) do nothing;

comment on table ops.stream_formats is 'The format that a stream was last read with, if any.';
