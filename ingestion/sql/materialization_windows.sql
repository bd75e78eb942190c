-- Grain    one row per view: the window of event_timestamp that holds what the online store lacks
-- As of    the mark. Every group is asserted at the mark itself, so a grouped view needs no more than that instant. Rows of single
--          bets start at the earliest instant that a version not yet copied can have written; older than the TTL is not served.
-- Reads    features.reach, ops.materializations, processed.bet_versions
-- Params   views, ttls: parallel arrays; bet_views: those of single bets; anew: as if nothing had been copied yet
select
    wanted.view,
    case
        when wanted.view <> all(%(bet_views)s) then reach.refreshed_at
        else greatest(
            reach.refreshed_at - wanted.ttl,
            (
                select least(min(time_placed), min(known_at))
                from processed.bet_versions
                where bet_versions.seq > copied_to.seq and bet_versions.seq <= reach.seq
            )
        )
    end as since,
    reach.refreshed_at as until,
    reach.seq,
    copied_to.seq as copied_seq
from unnest(%(views)s::text[], %(ttls)s::interval[]) with ordinality as wanted (view, ttl, place)
cross join features.reach
left join ops.materializations as copied using (view)
cross join lateral (select case when %(anew)s then 0 else coalesce(copied.seq, 0) end as seq) as copied_to
order by wanted.place
