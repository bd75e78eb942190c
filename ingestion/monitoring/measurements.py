"""What a store's metrics are at one moment, measured. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import psycopg

from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import Unreachable
from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect, statement
from ingestion.runs.record import code_version
from ingestion.runs.status import Contents, Copy, StoreStatus, Stream, ViewStatus

_BY_SQL: Final = ("measure_runs", "measure_rows", "measure_quality")
# What ingestion/sql/runs/status_rows.sql calls the rows that are counted by a metric of their own.
_QUARANTINE_OPEN: Final = "quarantine.bets, open"


@dataclass(frozen=True)
class Sample:
    """A metric's value for one set of labels."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def measure(connections: Connections, look: Callable[[], StoreStatus]) -> list[Sample]:
    """Every metric of the catalogue that has a value, of the store as `look` sees it.

    One that nothing was measured for yet is left out. Where Postgres does not answer, `pikkit_postgres_up` is 0 and
    little else is there; the same of Redis.
    """
    samples = [
        Sample("pikkit_measured_timestamp_seconds", datetime.now(UTC).timestamp()),
        Sample("pikkit_build_info", 1, {"version": code_version()}),
    ]
    try:
        store = look()
        kept = [] if store.contents is None else _measured_by_sql(connections)
    except Unreachable:
        return [Sample("pikkit_postgres_up", 0), *samples]
    return [Sample("pikkit_postgres_up", 1), *samples, *_of_status(store), *kept]


def _measured_by_sql(connections: Connections) -> list[Sample]:
    address = f"Postgres at {connections.postgres.address}"
    with postgres_errors(address), connect(connections.postgres, purpose="metrics") as connection:
        samples = [
            Sample(name, float(value), labels)
            for statement_name in _BY_SQL
            for name, labels, value in connection.execute(statement(statement_name))
        ]
        samples += _backlogs(connection)
        connection.rollback()
    return samples


def _backlogs(connection: psycopg.Connection) -> list[Sample]:
    rows = connection.execute(statement("backlog"), {"views": [view.name for view in STORED_VIEWS]})
    return [Sample("pikkit_online_backlog_runs", len(runs), {"view": view}) for view, *_, runs in rows]


def _of_status(store: StoreStatus) -> Iterator[Sample]:
    is_redis_up = not isinstance(store.online, Unreachable)
    yield Sample("pikkit_redis_up", float(is_redis_up))
    if not isinstance(store.online, Unreachable):
        yield Sample("pikkit_redis_keys", store.online.keys)
        if store.online.bytes is not None:
            yield Sample("pikkit_redis_memory_bytes", store.online.bytes)
    yield Sample("pikkit_run_in_progress", float(store.lock_holder is not None))
    yield from (Sample("pikkit_storage_bytes", size, {"schema": schema}) for schema, size in store.bytes.items())
    if store.contents is not None:
        yield from _of_contents(store.contents)


def _of_contents(contents: Contents) -> Iterator[Sample]:
    rows = dict(contents.rows)
    yield Sample("pikkit_quarantine_open_rows", rows.pop(_QUARANTINE_OPEN))
    yield from (Sample("pikkit_store_rows", number, {"table": table}) for table, number in rows.items())
    yield Sample("pikkit_log_backlog_versions", contents.versions_behind)
    yield from _instant("pikkit_data_known_timestamp_seconds", contents.newest_known_at)
    yield from _instant("pikkit_features_timestamp_seconds", contents.features_watermark)
    for view in contents.views:
        yield from _of_view(view)
    for stream in contents.streams:
        if _is_table(stream):
            labels = {"stream": stream.stream}
            yield from _instant("pikkit_stream_last_success_timestamp_seconds", stream.last_success_at, labels)
            yield Sample("pikkit_stream_failures", stream.failures, labels)


def _of_view(view: ViewStatus) -> Iterator[Sample]:
    labels = {"view": view.name}
    yield Sample("pikkit_view_ttl_seconds", view.ttl.total_seconds(), labels)
    yield Sample("pikkit_view_keys", view.keys, labels)
    yield Sample("pikkit_view_change_rows", view.change_rows, labels)
    copies: dict[str, Copy] = {"offline": view.offline, "online": view.online}
    for store, copy in copies.items():
        yield from _instant("pikkit_view_timestamp_seconds", copy.watermark, labels | {"store": store})
        yield Sample("pikkit_view_healthy", float(copy.state == "fresh"), labels | {"store": store})


def _is_table(stream: Stream) -> bool:
    """Whether the stream is read again and again: files have no cursor, and a table has none before its first sync."""
    return stream.cursor is not None or stream.row_count is not None or stream.failures > 0


def _instant(name: str, instant: datetime | None, labels: Mapping[str, str] | None = None) -> Iterator[Sample]:
    if instant is not None:
        yield Sample(name, instant.timestamp(), labels or {})
