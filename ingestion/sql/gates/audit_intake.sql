-- Grain    one row: the raw versions that are new since the last refresh that was published, (since_seq, until_seq]; and of those that are
--          new since one was last judged how many stand accepted and how many in quarantine. A batch of less than 100 stands with
--          the newest 200, but not past a refusal, which so ends with the first good batch, nor past an override. What was put right,
--          dismissed or overridden counts no more.
-- Reads    raw.bet_versions, processed.bet_versions, quarantine.bets, ops.gates
-- Params   rows_read, source_rows: what this run was told by its source; follows_log: false for one that takes up nothing new
with published as (
    select coalesce((select until_seq from ops.gates where state <> 'refused' order by run_id desc limit 1), 0) as until_seq
),

judged as (
    select
        until_seq as since_seq,
        case when %(follows_log)s then coalesce((select max(seq) from raw.bet_versions), 0) else until_seq end as until_seq
    from published
),

rated as (
    select
        judged.*,
        case
            when %(follows_log)s then greatest(
                (
                    select case when judged.until_seq - gates.until_seq >= 100 then gates.until_seq else judged.until_seq - 200 end
                    from ops.gates where gates.until_seq < judged.until_seq order by gates.until_seq desc limit 1
                ),
                (
                    select max(gates.until_seq)
                    from ops.gates
                    where state = 'overridden' or (state = 'refused' and gates.until_seq < judged.until_seq)
                ),
                0
            )
            else until_seq
        end as after_seq
    from judged
)

select
    since_seq,
    until_seq,
    (
        select count(*) from processed.bet_versions
        where seq > after_seq and seq <= until_seq and is_current and not is_deleted
    ) as accepted,
    -- Bets, as above: one that is refused each time it comes is one. A row without a sound id is one by itself.
    (
        select count(distinct coalesce('id ' || id, seq::text))
        from quarantine.bets where seq > after_seq and seq <= until_seq and state = 'open'
    ) as quarantined,
    %(rows_read)s::bigint as rows_read,
    %(source_rows)s::bigint as source_rows,
    (select known_at from processed.bet_versions where seq <= until_seq order by seq desc limit 1) as newest_known_at
from rated
