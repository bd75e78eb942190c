"""How old a value in the online store is, and whether it may still be served: rule R6. All in microseconds.

A row holds until the next change of its key, and is known to hold up to the features watermark. What is known to hold
up to an instant is served until the TTL of its view has passed after it, both bounds included. The same rule stands in

online    here: `online_store/read.py` serves Feast by it, `scoring/stored_features.py` the scorer
training  `offline_store/retrieval/as_of_join.py` in the process, `history_sql.py` beside it in SQL
history   the views features.<view>: each row again at TTL steps, and at the watermark (migration 0002_features)
copying   `offline_store/latest.py`: the last of these rows up to an instant
status    `ingestion/runs/status.py` (`_copy`)

tests/feature_repo/test_freshness_rule.py holds them together; docs/semantics.md explains the rule.
"""

from __future__ import annotations


def as_of(row: int | None, watermark: int | None) -> int | None:
    """Up to when a row is known to hold: its own instant or the watermark of its view, whichever is later.

    None where there is no row. A view that is not carried forward has no watermark.

    >>> as_of(row=100, watermark=500), as_of(row=900, watermark=500), as_of(row=100, watermark=None)
    (500, 900, 100)
    """
    return row if row is None or watermark is None else max(row, watermark)


def is_outside(as_of: int, ttl: int, now: int) -> bool:
    """Whether a row that is known to hold up to `as_of` is past its TTL at `now`. A TTL of 0 means that it never is.

    >>> is_outside(500, ttl=60, now=560), is_outside(500, ttl=60, now=561)
    (False, True)
    """
    return ttl > 0 and now - as_of > ttl
