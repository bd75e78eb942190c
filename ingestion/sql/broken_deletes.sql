-- Grain    one row per bet whose newest row says that it is deleted, and is refused for something else
-- Reads    pg_temp.new_versions, pg_temp.incoming, raw.bet_versions, processed.bet_versions
-- Params   is_table (of a table's rows the last one read is the newest, of a file's the one with the latest updated_at)
select distinct incoming.id
from new_versions
join incoming using (arrival)
left join processed.bet_versions as current_version
    on current_version.id = incoming.id and current_version.is_current
where not new_versions.accepted
  and incoming.is_deleted
  and case
      when %(is_table)s then not exists (
          select from raw.bet_versions where bet_versions.id = incoming.id and bet_versions.seq > new_versions.seq
      )
      else coalesce(incoming.updated_at >= current_version.updated_at, true)
  end
order by incoming.id
