-- Grain    one row per bet whose newest row in its table says that it is deleted, and is refused for something else
-- Reads    pg_temp.new_versions, pg_temp.incoming, raw.bet_versions
select distinct incoming.id
from new_versions
join incoming using (arrival)
where not new_versions.accepted
  and incoming.is_deleted
  and not exists (
      select from raw.bet_versions where bet_versions.id = incoming.id and bet_versions.seq > new_versions.seq
  )
order by incoming.id
