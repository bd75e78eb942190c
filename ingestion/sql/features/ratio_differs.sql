(stored.{0} is null) <> (replayed.{0} is null) or coalesce(abs(stored.{0} - replayed.{0}) > 1e-9 * greatest(1, abs(replayed.{0})), false)
