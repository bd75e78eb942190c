-- Grain    one row of pg_temp.retried
-- Writes   pg_temp.retried: copies of one (id, updated_at) that differ stay refused, all of them. Whoever knows the right one
--          retries that one alone.
-- Params   reason
update retried
set reasons = array[%(reason)s]
from (
    select id, updated_at
    from retried
    where reasons is null
    group by id, updated_at
    having count(distinct content_hash) > 1
) as conflict
where retried.id = conflict.id
  and retried.updated_at = conflict.updated_at
  and retried.reasons is null
