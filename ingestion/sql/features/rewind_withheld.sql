-- Grain    one row per version that became known after an instant, says that its bet was placed no earlier, and was replaced since:
--          known at that instant it would come before its bet, so it never counts
-- Reads    processed.bet_versions
-- Writes   processed.bet_versions: is_superseded, previous_seq. Whoever calls replays the whole log afterwards.
-- Params   now
update processed.bet_versions
set is_superseded = true, previous_seq = null
where known_at > %(now)s and time_placed >= %(now)s and not is_current and not is_deleted and not is_superseded
