-- Grain    one row: how many groups are counted, and how many of them a count of the log up to the features' log position gives otherwise
-- Reads    processed.bet_versions, features.bet_counts, features.watermark
with newest as (
    select distinct on (id) *
    from processed.bet_versions
    where seq <= (select log_position from features.watermark) and not is_superseded
    order by id, seq desc
),

counted as (
    select
        sport, institution_name, count(*) as bets, count(*) filter (where is_settled) as settled,
        count(*) filter (where market is null) as without_market, count(*) filter (where american_odds is null) as without_price
    from newest
    where not is_deleted
    group by sport, institution_name
)

select
    (select count(*) from features.bet_counts),
    (
        select count(distinct (sport, institution_name))
        from (
            (select * from features.bet_counts where bets <> 0 except select * from counted)
            union all
            (select * from counted except select * from features.bet_counts)
        ) as differing
    )
