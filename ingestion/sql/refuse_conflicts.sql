-- Grain    one row of pg_temp.incoming
-- Writes   pg_temp.incoming: accepted copies of one (id, updated_at) that differ are refused, all of them, since nothing says
--          which of them is right
-- Params   reason
update incoming
set reasons = array[%(reason)s]
from (
    select id, updated_at
    from incoming
    where reasons is null
    group by id, updated_at
    having count(distinct content_hash) > 1
) as conflict
where incoming.reasons is null
  and incoming.id = conflict.id
  and incoming.updated_at = conflict.updated_at
