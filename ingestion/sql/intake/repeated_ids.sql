-- Grain    one row per id that the source sent more than once in this run, as it was sent: a table may have white space around it
-- Reads    pg_temp.incoming. Only payloads of ids that came twice are taken apart.
with came_twice as (
    select id from incoming where id is not null group by id having count(*) > 1
)

select coalesce(payload::json ->> 'id', id) as sent_as
from incoming join came_twice using (id)
group by sent_as
having count(*) > 1
order by sent_as
