-- Grain    one row per bet that a refused refresh held and that came anew since: what was refused of it was never served, and never
--          counts, so that it does not poison the past. The first version after the refusal replaces what was published last.
-- Reads    ops.gates, features.watermark
-- Writes   processed.bet_versions: is_superseded, previous_seq. Past the features' log position only, where nothing was replayed yet.
with bounds as (
    select
        coalesce((select log_position from features.watermark), 0) as log_position,
        (select max(until_seq) from ops.gates where state = 'refused') as refused_until
),

put_right as (
    select newest.id, log_position, refused_until
    from bounds cross join processed.bet_versions as newest
    where refused_until > log_position and newest.seq > refused_until and newest.is_current
),

withheld as (
    update processed.bet_versions as version
    set is_superseded = true, previous_seq = null
    from put_right
    where version.id = put_right.id and version.seq > log_position and version.seq <= refused_until and not version.is_superseded
    returning version.id, log_position, refused_until
)

update processed.bet_versions as first_since
set previous_seq = (
    select max(published.seq)
    from processed.bet_versions as published
    where published.id = first_since.id and published.seq <= log_position and not published.is_superseded
)
from (select distinct * from withheld) as affected
where first_since.seq = (
    select min(version.seq)
    from processed.bet_versions as version
    where version.id = affected.id and version.seq > refused_until and not version.is_superseded
)
