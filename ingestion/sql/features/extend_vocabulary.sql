-- Grain    one row per value of an encoded column
-- Reads    processed.bet_versions in (after, until]
-- Writes   features.vocabulary: values not seen before, numbered on from the highest code in the order of their first appearance
-- Params   after, until, run_id
with appearance as (
    select pair.column_name, pair.value, min(seq) as first_seq
    from processed.bet_versions
    cross join lateral (values
        ('sport', sport), ('league', league), ('market', market), ('institution_name', institution_name), ('bet_type', bet_type)
    ) as pair (column_name, value)
    where seq > %(after)s and seq <= %(until)s and pair.value is not null
    group by pair.column_name, pair.value
)

insert into features.vocabulary (column_name, value, code, first_seq, known_at, run_id)
select
    column_name,
    value,
    (select coalesce(max(code), 0) from features.vocabulary as given where given.column_name = appearance.column_name)
        + row_number() over (partition by column_name order by first_seq, value),
    first_seq,
    (select known_at from processed.bet_versions where seq = first_seq),
    %(run_id)s
from appearance
where not exists (
    select from features.vocabulary as given
    where given.column_name = appearance.column_name and given.value = appearance.value
)
