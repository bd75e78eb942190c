-- Grain    one row per id that the source sent more than once in this run
-- Reads    pg_temp.incoming
select id from incoming where id is not null group by id having count(*) > 1 order by id
