-- Grain    one row per version that became known of the bets of a group by an instant: whether it counts then, and what it adds
--          to each sum of the group (rule R4), or added as long as it counted
-- As of    at; versions past the features' log position are no part of any feature yet
-- Reads    processed.bet_versions: those of the group once, and by (id, seq) what replaced one; features.watermark
-- Params   at
-- Format   same_group: a condition on `version`
-- Rates of single bets are rounded to billionths, as their definitions say (ingestion/features/feature_definitions.py).
select
    version.seq, version.id, version.known_at, version.status, version.american_odds, version.amount_cents, version.profit_cents,
    version.clv_percentage, version.run_id, version.is_forgotten,
    case
        when version.is_superseded then 'superseded'
        when version.is_deleted then 'deleted'
        when later.seq is not null then 'replaced'
        else 'counts'
    end as state,
    later.seq as replaced_by, later.known_at as replaced_at,
    grade.graded::integer as graded,
    (grade.graded and version.status = 'SETTLED_WIN')::integer as wins,
    (grade.graded and version.status = 'SETTLED_LOSS')::integer as losses,
    coalesce(grade.at_risk, false)::integer as at_risk,
    case when grade.at_risk then version.amount_cents else 0 end as stake_cents,
    case when grade.at_risk then coalesce(version.profit_cents, 0) else 0 end as profit_at_risk_cents,
    coalesce(grade.at_risk and version.amount_cents > 0, false)::integer as bet_rois,
    case
        when grade.at_risk and version.amount_cents > 0 then round(100::numeric * version.profit_cents / version.amount_cents, 9)
        else 0
    end as bet_roi,
    grade.priced::integer as priced,
    (grade.priced and version.status = 'SETTLED_WIN')::integer as priced_wins,
    case
        when not grade.priced then 0
        when version.american_odds < 0 then round(-version.american_odds::numeric / (100 - version.american_odds), 9)
        else round(100::numeric / (100 + version.american_odds), 9)
    end as implied_prob,
    grade.has_clv::integer as clvs,
    case when grade.has_clv then round(version.clv_percentage::numeric, 9) else 0 end as clv
from processed.bet_versions as version
left join lateral (
    select next.seq, next.known_at
    from processed.bet_versions as next
    where
        not version.is_current and not version.is_superseded
        and next.id = version.id and next.seq > version.seq and not next.is_superseded
        and next.known_at <= %(at)s and next.seq <= (select log_position from features.watermark)
    order by next.seq
    limit 1
) as later on true
cross join lateral (select not version.is_deleted and not version.is_superseded as is_there) as bet
cross join lateral (
    select
        bet.is_there and version.status in ('SETTLED_WIN', 'SETTLED_LOSS') as graded,
        bet.is_there and version.amount_cents is not null and (
            version.status in ('SETTLED_WIN', 'SETTLED_CASHEDOUT')
            -- A loss that cost nothing was staked with a bonus.
            or version.status = 'SETTLED_LOSS' and version.profit_cents <> 0
        ) as at_risk,
        bet.is_there and version.status in ('SETTLED_WIN', 'SETTLED_LOSS') and version.american_odds is not null as priced,
        bet.is_there and version.status <> 'PENDING' and version.clv_percentage is not null as has_clv
) as grade
where
    {same_group} and version.known_at <= %(at)s
    and version.seq <= (select log_position from features.watermark)
