-- The closing line values of each book: how many moved, and how many of those are no larger than fractions are.
select
    institution_name,
    count(*) as moved,
    count(*) filter (where abs(clv_percentage) <= 1) as as_small_as_fractions,
    percentile_cont(array[0.1, 0.5, 0.9]) within group (order by clv_percentage) as deciles
from {judged} as bet
where clv_percentage <> 0
group by institution_name
order by as_small_as_fractions desc, institution_name
