-- Grain    one row: whether any version of a bet is there, sound or not
-- Reads    raw.bet_versions, processed.bet_versions, quarantine.bets
-- Params   bet
select exists (select from raw.bet_versions where id = %(bet)s)
    or exists (select from processed.bet_versions where id = %(bet)s and not is_forgotten)
    or exists (select from quarantine.bets where id = %(bet)s)
