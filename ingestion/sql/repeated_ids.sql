-- Grain    one row per id that the source sent more than once in this run, as it was sent: a table may have white space around it
-- Reads    pg_temp.incoming
select coalesce(payload::json ->> 'id', id) as sent_as
from incoming
where id is not null
group by sent_as
having count(*) > 1
order by sent_as
