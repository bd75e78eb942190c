"""The whole log replayed beside what is stored: temporary tables of change rows, and the statements that compare them.

`verify` counts the differences, `backfill` puts the replayed rows in place of the stored ones.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import LiteralString

import polars as pl
import psycopg
from psycopg import sql

from feature_repo.declarations.views import STORED_VIEWS, BetView, GroupedView
from feature_repo.postgres.copy import copy_in
from ingestion.database.access import statement
from ingestion.features.refresh import CHUNK_SIZE, read_log
from ingestion.features.replay import MemoryStates, replay
from ingestion.features.watermark import features_log_position
from ingestion.progress import Progress, silent


def replay_log(
    connection: psycopg.Connection, progress: Progress = silent, chunk_size: int = CHUNK_SIZE
) -> MemoryStates:
    """Replay the log from its beginning to the features' log position into pg_temp.replayed_<view>.

    Returns the states of all groups there.

    The temporary tables go with the transaction.
    """
    create_replay_tables(connection)
    return replay_into_tables(connection, progress, chunk_size=chunk_size)


def create_replay_tables(connection: psycopg.Connection) -> None:
    """Make pg_temp.replayed_<view>, empty, with the columns of each changelog. They go with the transaction."""
    creations = (
        sql.SQL("create temporary table {} on commit drop as select * from {} with no data").format(
            sql.Identifier(f"replayed_{view.name}"), sql.Identifier("features", f"{view.name}_changes")
        )
        for view in STORED_VIEWS
    )
    connection.execute(sql.SQL(";").join(creations))


def replay_into_tables(
    connection: psycopg.Connection,
    progress: Progress = silent,
    *,
    chunk_size: int = CHUNK_SIZE,
    changed: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
) -> MemoryStates:
    """Replay the log as `replay_log` does, into the tables of `create_replay_tables`. Writes nowhere else.

    `changed` gives the versions of the log otherwise than they stand there (LOG_SCHEMA in, LOG_SCHEMA out, row by row).
    """
    log_position = features_log_position(connection)
    states, after = MemoryStates(), 0
    while after < log_position:
        end = connection.execute(statement("chunk_end"), {"after": after, "size": chunk_size}).fetchone()
        until = min(log_position, end[0] if end else log_position)
        log = read_log(connection, after, until)
        for name, rows in replay(changed(log) if changed else log, after, states):
            signed = rows.with_columns(created_timestamp="event_timestamp", run_id=pl.lit(str(uuid.UUID(int=0))))
            copy_in(connection, f"replayed_{name}", signed)
        after = until
        progress("replay", after, log_position)
    return states


def comparison_query(name: LiteralString, view: GroupedView | BetView) -> sql.Composed:
    """A statement over a view's change rows and their replay, with `differs` = the condition under which two rows
    differ.
    """
    conditions = [
        sql.SQL("stored.{0} is distinct from replayed.{0}" if feature.is_exact else statement("ratio_differs")).format(
            sql.Identifier(feature.name)
        )
        for feature in view.declared
    ]
    columns = (view.join_key, "event_timestamp", "created_timestamp", *view.features)
    return sql.SQL(statement(name)).format(
        stored=sql.Identifier("features", f"{view.name}_changes"),
        replayed=sql.Identifier("pg_temp", f"replayed_{view.name}"),
        key=sql.Identifier(view.join_key),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        differs=sql.SQL(" or ").join(conditions),
    )
