-- The new wins and losses, with what they returned and what their price returns; those furthest apart first.
select *, abs(profit_cents - price_pays_cents) as apart_cents
from (
    select
        institution_name, seq, id, bet_type, status, american_odds, amount_cents, profit_cents,
        round(amount_cents * case
            when not is_win then -1
            when american_odds < 0 then -100.0 / american_odds
            else american_odds / 100.0
        end) as price_pays_cents
    from {judged} as bet
    where is_win is not null and american_odds is not null and amount_cents > 0
) as returned
order by apart_cents desc nulls last, seq
