-- Grain    one row per bet that is to be forgotten, in order of its id
-- Reads    pg_temp.forgetting
select id from forgetting order by id
