"""Where bets come from. Every source yields pages of raw rows, each row verbatim.

settings        what the environment says of tables, `source_choice` which source `--source` means
page            what all sources yield: bets as a frame, every row as JSON beside it; `raw_page` before a format
table           what a sync and a reconciliation ask of a table; `digests` what they compare
files/          CSV, JSON, JSON lines, Parquet; `files/formats/` how foreign columns become those of a bet
postgres/       a table by COPY
supabase/       a table over REST
json_rows       rows that come as JSON texts: the lines of a file, the rows of a REST page
retry           asking a server again while what is wrong may pass
"""
