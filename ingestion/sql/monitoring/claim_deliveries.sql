-- Grain    one row per alert, channel and event that is to be sent now, and is claimed by that: what it says
--          An alert that is open is said to each channel. One that has cleared, only where it was said or tried, or where
--          this run cleared it; and not while another process is saying that it opened, or the two might arrive in turn.
-- Writes   ops.alert_deliveries
-- Reads    ops.alerts, ops.runs
-- Params   channels; run_id (null: none); now: the machine's clock; taken_over_after: how old the claim of a process that died is
with due as (
    select alert_id, channel, case when resolved_at is null then 'opened' else 'resolved' end as event
    from ops.alerts cross join unnest(%(channels)s::text[]) as named (channel)
    where resolved_at is null
        or run_id = %(run_id)s
        or resolved_at = (select now from ops.runs where runs.run_id = %(run_id)s)
        or exists (
            select from ops.alert_deliveries as said where said.alert_id = alerts.alert_id and said.channel = named.channel
        )
),

claimed as (
    insert into ops.alert_deliveries as claim (alert_id, channel, event, state, attempted_at)
    select alert_id, channel, event, 'sending', %(now)s
    from due
    where not exists (
        select from ops.alert_deliveries as said
        where said.alert_id = due.alert_id and said.channel = due.channel
            and (
                said.event = due.event and said.state = 'delivered'
                or said.event <> due.event and said.state = 'sending' and said.attempted_at >= %(now)s - %(taken_over_after)s::interval
            )
    )
    order by alert_id, channel  -- two processes that claim at once wait for each other in turn
    on conflict (alert_id, channel, event) do update
    set state = 'sending', attempts = claim.attempts + 1, attempted_at = excluded.attempted_at
    where claim.state = 'failed' or claim.state = 'sending' and claim.attempted_at < %(now)s - %(taken_over_after)s::interval
    returning alert_id, channel, event
)

select channel, alert_id, event, severity, notice, run_id, opened_at, resolved_at
from claimed join ops.alerts using (alert_id)
order by alert_id
