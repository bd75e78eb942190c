-- Grain    one row of pg_temp.incoming
-- Writes   pg_temp.incoming: copies of one (id, updated_at) that differ are refused, all of them, since nothing says which is
--          right. A copy that was refused already counts as one.
-- Params   reason
update incoming
set reasons = coalesce(incoming.reasons, '{}') || array[%(reason)s]
from (
    select id, updated_at
    from incoming
    group by id, updated_at
    having count(distinct content_hash) > 1
) as conflict
where incoming.id = conflict.id
  and incoming.updated_at = conflict.updated_at
