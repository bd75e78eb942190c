"""Rows of a source into the store: raw, then processed or quarantine; deletes and refused rows after that.

request         what a sync asks of a table; `row_source` what a load needs of any source
load            `load_rows`: rows into the store; `counts` what became of them; `content_hash` how a row is known again
streams         what must hold before a sync of a stream counts; `stream_formats` the format that it is read with
reconcile       what polling cannot see: bets that vanished, rows that were missed
tombstones      the versions that say that a bet is deleted
name_variants   names that differ in letter case only
"""
