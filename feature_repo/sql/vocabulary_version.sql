-- Grain    one row per column, and per column that has names
-- Reads    features.vocabulary: the codes of each column up to a highest one, and of what was known at an instant
-- Params   columns, highest_codes: parallel arrays, null for all codes; known_until: null for all
-- The digest is SHA-256 over "<code>:<bytes>:<name>" of each code in order, in UTF-8.
select
    wanted.column_name,
    count(code),
    coalesce(max(code), 0),
    encode(
        sha256(coalesce(
            string_agg(convert_to(code || ':' || octet_length(convert_to(value, 'UTF8')) || ':' || value, 'UTF8'), '' order by code),
            ''
        )),
        'hex'
    )
from unnest(%(columns)s::text[], %(highest_codes)s::integer[]) with ordinality as wanted (column_name, highest_code, position)
left join features.vocabulary
    on vocabulary.column_name = wanted.column_name
    and (wanted.highest_code is null or vocabulary.code <= wanted.highest_code)
    and (%(known_until)s::timestamptz is null or vocabulary.known_at is null or vocabulary.known_at <= %(known_until)s)
group by wanted.column_name, wanted.position
order by wanted.position
