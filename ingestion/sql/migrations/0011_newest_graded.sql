-- The newest graded bets of a group that stand, however long the log is: a group's recent win rates are refilled from here when
-- more of its newest bets vanish than its state can spare. It holds one entry per graded bet, not per version; about 60 bytes.
create index bet_versions_newest_graded on processed.bet_versions (coalesce(sport, ''), coalesce(market, ''), known_at)
where is_current and not is_deleted and status in ('SETTLED_WIN', 'SETTLED_LOSS');
