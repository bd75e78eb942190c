-- Grain    one row per version that was asked for by its seq and was not selected
-- Reads    pg_temp.selected
-- Params   seqs
select seq from unnest(%(seqs)s::bigint[]) as seq except select seq from selected order by seq
