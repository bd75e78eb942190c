-- Grain    one row per group that holds one of these bets among its last
-- Reads    pg_temp.forgetting
-- Writes   features.group_state.recent: the id that the log has for the bet
update features.group_state as state
set recent = jsonb_set(state.recent, '{bets}', renamed.bets)
from (
    select
        holding.grouping, holding.key,
        jsonb_agg(
            case when forgetting.id is null then bet else jsonb_set(bet, '{id}', to_jsonb(forgetting.surrogate)) end
            order by place
        ) as bets,
        count(forgetting.id) as held
    from features.group_state as holding
    cross join lateral jsonb_array_elements(holding.recent -> 'bets') with ordinality as listed (bet, place)
    left join forgetting on forgetting.id = bet ->> 'id' and forgetting.surrogate is not null
    where holding.recent is not null
    group by holding.grouping, holding.key
) as renamed
where renamed.held > 0 and state.grouping = renamed.grouping and state.key = renamed.key
