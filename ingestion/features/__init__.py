"""From the log of bet versions to change rows.

feature_definitions.py   what each feature means, and the digest of that
running_sums.py          sums per group, as of each instant
last_n.py                the newest graded bets of a group
single_bets.py           the two views of single bets
replay.py                change rows of all views from a chunk of the log: the one path for every caller
refresh.py               the features brought up to the end of the log
backfill.py, verify.py   a full replay (full_replay.py), stored in place of what differs, or compared with it
feature_versions.py      the version of every feature, and the seals of runs
watermark.py             the features watermark, the log position, and the clocks that they refuse
clock_rewind.py          the way back for a store that a clock ahead has locked
"""
