-- Grain    one row per name that became known after an instant
-- Reads    processed.bet_versions, with their known_at of after the rewind
-- Writes   features.vocabulary: known_at. Codes stay.
-- Params   now
update features.vocabulary
set known_at = bet_versions.known_at
from processed.bet_versions
where bet_versions.seq = vocabulary.first_seq and vocabulary.known_at > %(now)s
