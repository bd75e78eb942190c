-- Grain    one row per selected version that was dismissed: open again, or superseded where a sound version of its bet came, or the
--          bet vanished, in the meantime
-- Reads    pg_temp.selected, raw.bet_versions, processed.bet_versions
-- Writes   quarantine.bets.state
-- Params   now
with reopened as (
    select bets.seq, newer.seq as settled_by
    from selected
    join quarantine.bets using (seq)
    join raw.bet_versions as refused using (seq)
    left join lateral (
        select version.seq
        from raw.bet_versions as version
        left join processed.bet_versions as accepted using (seq)
        where version.id = refused.id
          and version.seq > refused.seq
          and (
              version.payload::text = 'null'
              or accepted.is_current and (
                  -- What a table shows is newer than what it showed before; in a file the later updated_at is the newer.
                  not (version.source like 'file:%%' or version.source = 'quarantine')
                  or coalesce(refused.updated_at < version.updated_at, true)
              )
          )
        order by version.seq desc
        limit 1
    ) as newer on true
    where bets.state = 'dismissed'
)

update quarantine.bets
set state = case when reopened.settled_by is null then 'open' else 'superseded' end,
    settled_by = reopened.settled_by,
    settled_at = case when reopened.settled_by is not null then %(now)s::timestamptz end,
    note = null
from reopened
where bets.seq = reopened.seq
returning bets.state
