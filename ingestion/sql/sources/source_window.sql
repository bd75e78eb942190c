-- Grain    a condition, part of the statements source_*
-- Reads    the stamp of `bet`: updated_at, or created_at where that is null or infinite
-- Params   everything, since, until (text, infinite where open), unstamped: whether rows without a stamp too;
--          any_sport, sport. They are written into the statement, so that what does not hold falls away beforehand.
-- The branches stand apart, because an index on updated_at serves each of them, and would not serve a coalesce.
(
    %(everything)s
    or (
        bet.updated_at >= cast(%(since)s as {updated_type})
        and bet.updated_at < cast(%(until)s as {updated_type})
        and bet.updated_at > '-infinity'
    )
    or (
        bet.updated_at is null
        and (
            ({created_at} >= cast(%(since)s as {created_type}) and {created_at} < cast(%(until)s as {created_type}) and {created_at} > '-infinity')
            or (%(unstamped)s and ({created_at} is null or {created_at} in ('infinity', '-infinity')))
        )
    )
    or (
        bet.updated_at in ('infinity', '-infinity')
        and (
            ({created_at} >= cast(%(since)s as {created_type}) and {created_at} < cast(%(until)s as {created_type}) and {created_at} > '-infinity')
            or (%(unstamped)s and ({created_at} is null or {created_at} in ('infinity', '-infinity')))
        )
    )
)
and (%(any_sport)s or bet.sport::text is not distinct from %(sport)s)
