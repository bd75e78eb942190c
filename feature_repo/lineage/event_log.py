"""Lineage events kept in ops.lineage_events, in the transaction of what they tell of."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg.types.json import Jsonb

from feature_repo.lineage.events import LineageEvent
from feature_repo.postgres.queries import feast_statement


def keep_events(connection: psycopg.Connection, events: Sequence[LineageEvent]) -> None:
    """Append events, in this order."""
    with connection.cursor() as cursor:
        cursor.executemany(
            feast_statement("store_lineage_event"),
            [{**vars(event), "event": Jsonb(event.event)} for event in events],
        )
