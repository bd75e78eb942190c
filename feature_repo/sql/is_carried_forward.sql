-- Grain    a condition on one row of history, which has the newest change of a key by an instant: whether it still held
--          at that instant (rule R6; the same for the as-of join: feature_repo/offline_store/retrieval/as_of_join.py)
-- Reads    changelog
-- A change is carried forward to the watermark, or to its last step before the watermark where a change that is dated
-- after the watermark follows. From there it holds for the TTL.
{at} <= make_interval(secs => {ttl}) + case
    when
        {at} > {watermark} and changed_at < {watermark}
        and exists (select from {changelog} as later where {same_key} and later.{instant} > changed_at)
    then
        changed_at + make_interval(secs => {step}) * floor(
            extract(epoch from {watermark} - interval '1 microsecond' - changed_at) / {step}
        )::float8
    else greatest({watermark}, changed_at)
end
and {watermark} is not null
