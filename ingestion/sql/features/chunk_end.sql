-- Grain    one row: the log position at which a chunk of about `size` versions ends, never inside an instant
-- Reads    processed.bet_versions
-- Params   after, size
with edge as (
    select known_at from processed.bet_versions where seq > %(after)s order by seq offset %(size)s - 1 limit 1
),

beyond as (
    select seq from processed.bet_versions, edge
    where bet_versions.seq > %(after)s and bet_versions.known_at > edge.known_at
    order by seq limit 1
)

select coalesce((select seq - 1 from beyond), (select max(seq) from processed.bet_versions), %(after)s)
