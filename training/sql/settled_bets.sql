-- Grain    one row per bet that was settled and has a time of placement, in the order of placement and id
-- Reads    processed.bet_versions up to a log position: what the store believed when it stood there. What describes the
--          bet is of its first version, which is what serving saw; how it ended is of its last.
-- Params   log_position, placed_from, placed_to (exclusive); both may be null
with version as (
    select * from processed.bet_versions where seq <= %(log_position)s and not is_superseded
),
first as (
    select distinct on (id) * from version order by id, seq
),
last as (
    select distinct on (id) * from version order by id, seq desc
)
select
    id, first.sport, first.league, first.market, first.institution_name, first.bet_type, first.american_odds,
    first.is_live, first.time_placed,
    last.status, last.is_win, last.amount_cents, last.profit_cents, last.settled_at, last.known_at
from first join last using (id)
where last.is_settled and not last.is_deleted and first.time_placed is not null
  and (%(placed_from)s::timestamptz is null or first.time_placed >= %(placed_from)s)
  and (%(placed_to)s::timestamptz is null or first.time_placed < %(placed_to)s)
order by first.time_placed, id collate "C"
