-- Grain    a value, part of the statements source_*: the stamp of `bet` as timestamptz, null where it has none
-- Reads    updated_at, created_at
case
    when isfinite(bet.updated_at) then bet.updated_at::timestamptz
    when isfinite({created_at}) then {created_at}::timestamptz
end
