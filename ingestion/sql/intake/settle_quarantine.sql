-- Grain    one row per refused version of which a newer sound one came, or a sound one in its place
-- Reads    pg_temp.new_versions, raw.bet_versions
-- Writes   quarantine.bets.state
-- Params   is_table (of a table's rows the last one read is the newer, of a file's the one with the later updated_at), conflict (a reason), now
update quarantine.bets
set state = 'superseded', settled_by = newer.seq, settled_at = %(now)s
from raw.bet_versions as refused, new_versions as newer
where bets.state = 'open'
  and refused.seq = bets.seq
  and newer.id = bets.id
  and newer.is_current
  and case
      when %(is_table)s then refused.seq < newer.seq
      -- Of copies that contradicted each other the right one came alone; or the file was mended, and its stamps were left.
      when refused.updated_at = newer.updated_at then %(conflict)s = any (bets.reasons) or refused.seq < newer.seq
      else coalesce(refused.updated_at < newer.updated_at, true)
  end
