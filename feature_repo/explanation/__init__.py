"""Why a feature has the value that it has, and what differs between two states of the features.

subject.py             which features of which group or bet are meant, as of when
explain.py             the explanation: reads what is stored, works it out again, names what changed it
group_bets.py          the bets of a group: sums, windows, versions that no longer count
single_bets.py         the versions of one bet
requested_features.py  features on demand, by their function and without it
formulas.py            each feature as a formula in plain numbers, and its value
stored_values.py       change rows offline, Redis online
origins.py             the run, the gate, the stream and the payload behind a change
result.py              what comes out
frames.py              `feature_repo.explain` and `feature_repo.diff`: the same as pandas frames
differences/           what differs between two instants, runs or training frames
sessions.py            one snapshot of Postgres, and Redis beside it

Nothing of replay, running sums or group state is used: a value that these have wrong does not agree with its
explanation. Feast is not imported.
"""
