-- Grain    one row per version that is new to the store
-- As of    known_at: the instant from which it may influence a feature (R1): the known_at column of the source, never past the
--          run's clock, never before the bet was placed, always past the log and the last refresh. Null for a refused row.
-- Reads    pg_temp.unseen, raw.bet_versions, processed.bet_versions, features.watermark
-- Writes   pg_temp.new_versions, gone with the transaction. seq continues the log in the order of knowledge.
-- Params   now, first_known_by ('updated_at' or 'settled_at'; the latter counts only while the log is empty),
--          known_from (no version is known earlier; null: no such limit), is_table
create temporary table new_versions on commit drop as
with log_end as (
    select
        coalesce((select max(seq) from raw.bet_versions), 0) as seq,
        -- Up to here answers were given: to the newest version's known_at, and to the clock of the last refresh. While the
        -- log is empty there was nothing to answer from, and history may still come. (The same in intake_counts.sql.)
        (
            select greatest(known_at, (select features_watermark from features.watermark))
            from processed.bet_versions order by seq desc limit 1
        ) as known_at
),

-- Read once only: one of the two halves below is empty.
known as not materialized (
    select
        unseen.*,
        log_end.seq as log_end,
        accepted and coalesce(updated_at <= log_end.known_at, false) as is_late,
        case when accepted then greatest(
            least(
                case
                    when %(first_known_by)s = 'settled_at' and log_end.known_at is null then coalesce(settled_at, updated_at)
                    else updated_at
                end,
                %(now)s::timestamptz
            ),
            time_placed + interval '1 microsecond',
            log_end.known_at + interval '1 microsecond',
            %(known_from)s::timestamptz
        ) end as known_at
    from unseen cross join log_end
),

-- In a file a bet's versions follow each other by updated_at. A table's rows follow each other as they were read, refused ones among
-- them, so that the last one read is the newest: none is known before the one that was read before it.
ordered as (
    select known.*, coalesce(known_at, 'infinity') as position, updated_at as tie
    from known where not %(is_table)s
    union all
    select
        arrival, id, updated_at, settled_at, time_placed, accepted, returns, newest_seq, log_end, is_late,
        case when accepted then position end, coalesce(position, '-infinity'), null
    from (select known.*, max(known_at) over (partition by id order by arrival) as position from known) as chained
    where %(is_table)s
),

numbered as (
    select
        arrival, id, accepted, updated_at, known_at, is_late, returns, newest_seq,
        log_end + row_number() over (order by position, tie, arrival) as seq
    from ordered
),

-- A version older than one that is already there was superseded before it came: kept, never counted. Not so what a table holds now.
judged as (
    select
        numbered.*,
        current_version.seq as current_seq,
        accepted and not %(is_table)s and coalesce(numbered.updated_at < greatest(
            current_version.updated_at,
            max(numbered.updated_at) over (
                partition by numbered.id, accepted order by numbered.seq rows between unbounded preceding and 1 preceding
            )
        ), false) as is_superseded
    from numbered
    left join processed.bet_versions as current_version
        on current_version.id = numbered.id and current_version.is_current and numbered.accepted
)

-- One pass: the planner expects next to nothing to be unseen in a store that has a history, and would join in a nested loop.
select
    arrival,
    seq,
    id,
    accepted,
    updated_at,
    known_at,
    is_late,
    is_superseded,
    case when returns then coalesce(lag(seq) over (partition by id order by seq), newest_seq) end as returns_after,
    case when accepted and not is_superseded then coalesce(
        max(seq) filter (where accepted and not is_superseded)
            over (partition by id order by seq rows between unbounded preceding and 1 preceding),
        current_seq
    ) end as previous_seq,
    accepted and not is_superseded
        and seq = max(seq) filter (where accepted and not is_superseded) over (partition by id) as is_current
from judged
