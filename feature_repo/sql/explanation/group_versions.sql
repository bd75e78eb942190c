-- Grain    one row per version that became known of the bets of a group by an instant: whether it counts then, and what it adds
--          to each sum of the group (rule R4), or added as long as it counted
-- As of    at; versions past the features' log position are no part of any feature yet
-- Reads    processed.bet_versions: those of the group once, or the newest by known_at; by (id, seq) what replaced one, where that is
--          asked for
-- Params   at; log_position of the features
-- Format   same_group: a condition on `version`; moved_on: one that holds where something may be known of its bet past the instant or
--          the position: of other bets whatever is not current was replaced, and needs no look
-- Rates of single bets are rounded to billionths, as their definitions say (ingestion/features/feature_definitions.py).
select
    version.seq, version.id, version.known_at, version.status, version.american_odds, version.amount_cents, version.profit_cents,
    version.clv_percentage, version.run_id, version.is_forgotten,
    case
        when version.is_superseded then 'superseded'
        when version.is_deleted then 'deleted'
        when not bet.stands then 'replaced'
        else 'counts'
    end as state,
    case when not version.is_current and not version.is_superseded then (
        select next.seq
        from processed.bet_versions as next
        where
            next.id = version.id and next.seq > version.seq and not next.is_superseded
            and next.known_at <= %(at)s and next.seq <= %(log_position)s
        order by next.seq
        limit 1
    ) end as replaced_by,
    case when not version.is_current and not version.is_superseded then (
        select next.known_at
        from processed.bet_versions as next
        where
            next.id = version.id and next.seq > version.seq and not next.is_superseded
            and next.known_at <= %(at)s and next.seq <= %(log_position)s
        order by next.seq
        limit 1
    ) end as replaced_at,
    bet.is_there and bet.stands as is_counted,
    grade.graded as adds_to_graded, grade.at_risk as adds_to_at_risk, grade.at_risk and version.amount_cents > 0 as adds_to_bet_rois,
    grade.priced as adds_to_priced, grade.has_clv as adds_to_clvs,
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
cross join lateral (
    select
        not version.is_deleted and not version.is_superseded as is_there,
        case
            when version.is_current then true
            when {moved_on} then not exists (
                select
                from processed.bet_versions as next
                where
                    next.id = version.id and next.seq > version.seq and not next.is_superseded
                    and next.known_at <= %(at)s and next.seq <= %(log_position)s
            )
            else false
        end as stands
) as bet
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
    and version.seq <= %(log_position)s
