"""Rows of forgotten bets taken out of Redis: after the commit, and by the next run where that died before it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import psycopg

from feature_repo.declarations.views import BET_FACTS
from ingestion.database.access import statement
from ingestion.forgetting.receipt import PlaceCounts, keep_place

if TYPE_CHECKING:
    from feast import FeatureStore

REDIS = "redis"


def finish_online(connection: psycopg.Connection, store: FeatureStore) -> None:
    """Take what erasures have left in Redis out of it, and note that in their receipts."""
    with connection.transaction():
        unfinished = connection.execute(statement("unfinished_places")).fetchall()
        pending = connection.execute(statement("pending_ids")).fetchall()
    for receipt_id, position, place in unfinished:
        if place != REDIS:
            continue
        counts = remove_online(store, {bet for bet, of_receipt in pending if of_receipt == receipt_id})
        with connection.transaction():
            keep_place(connection, receipt_id, position, counts)
    if unfinished:
        with connection.transaction():
            connection.execute(statement("drop_finished_pending"))


def remove_online(store: FeatureStore, bets: Collection[str]) -> PlaceCounts:
    """Remove the keys of these bets. Raises what open_online_store translates."""
    from feature_repo.feast_internals import redis_client_of
    from feature_repo.online_store.layout import entity_key, key_prefix

    online: Any = store.provider.online_store
    client = redis_client_of(online, store.config)
    prefix = key_prefix(BET_FACTS.join_key)
    keys = [entity_key(prefix, bet, store.project.encode()) for bet in sorted(bets)]
    searched = client.dbsize()
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.unlink(key)
        removed = sum(pipe.execute())
        for key in keys:
            pipe.exists(key)
        remaining = sum(pipe.execute())
    return PlaceCounts(REDIS, int(searched), removed, remaining)
