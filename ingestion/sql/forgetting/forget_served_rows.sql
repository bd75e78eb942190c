-- Grain    one row per run that wrote a change row of one of these bets, with the number of them
-- Reads    pg_temp.forgetting
-- Writes   a changelog of single bets
-- Format   changelog
with gone as (
    delete from {changelog} where bet_id in (select id from forgetting) returning run_id
)

select run_id, count(*) from gone group by run_id
