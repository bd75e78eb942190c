"""Where a store stands: how fresh each view is, how much there is of everything, what ran last, who is at it now.

Reads only: one snapshot of Postgres and one look at Redis, without Feast.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row

from feature_repo.connections import REGISTRY_SCHEMA, Connections, Redis
from feature_repo.groups import STORED_VIEWS, GroupedView
from feature_repo.run_lock import lock_holder
from ingestion.database import connect, statement, translated_errors
from ingestion.errors import Unreachable
from ingestion.migrate import pending
from ingestion.run_ids import short_run_ids

SCHEMAS: Final = ("raw", "processed", "quarantine", "features", "ops", REGISTRY_SCHEMA)

# fresh  refreshed within the TTL         stale  longer ago: a pipeline that is dead, whose values must not be used
# never  nothing was published there yet  empty  it was copied, but Redis lost it     down  Redis does not answer
State = Literal["fresh", "stale", "never", "empty", "down"]


@dataclass(frozen=True)
class Copy:
    """A view's rows in one store: the refresh they are as of, how long ago that is, and what follows for readers."""

    refreshed_at: datetime | None
    age: timedelta | None
    state: State


@dataclass(frozen=True)
class ViewStatus:
    """One stored view. Its keys are what it can be asked for."""

    name: str
    ttl: timedelta
    offline: Copy
    online: Copy
    keys: int
    change_rows: int

    @property
    def online_is_behind(self) -> bool:
        """Whether the online store lacks the last refresh, as after a run that died before it had copied."""
        offline, online = self.offline.refreshed_at, self.online.refreshed_at
        return offline is not None and (online is None or online < offline)


@dataclass(frozen=True)
class LastRun:
    """The run that started last. `now` is the clock it ran by; the other times are the machine's."""

    run_id: UUID
    verb: str
    state: str
    source: str | None
    now: datetime
    started_at: datetime
    finished_at: datetime | None
    exit_code: int | None
    error: str | None


@dataclass(frozen=True)
class Stream:
    """What came from a source so far. The cursor is null for a file; failures are those since the last success.

    `row_count` is how many rows a table showed when they were counted last, `without_columns` are those that it had
    once, and may lack since somebody said so.
    """

    stream: str
    cursor: datetime | None
    versions: int
    last_success_at: datetime | None
    failures: int
    row_count: int | None
    without_columns: list[str]


@dataclass(frozen=True)
class Alert:
    """Something that an operator must hear of, and that has not cleared."""

    cause: str
    severity: str
    message: str
    opened_at: datetime


@dataclass(frozen=True)
class LastGate:
    """The last judgement over a refresh, and how many refreshes were ever published over a failed one."""

    run_id: UUID
    state: str
    reason: str | None
    judged_at: datetime
    overridden: int


@dataclass(frozen=True)
class Contents:
    """What a migrated store holds. The mark is null before the first refresh."""

    views: list[ViewStatus]
    rows: dict[str, int]
    refreshed_at: datetime | None
    known_until: datetime | None
    versions_behind: int
    last_run: LastRun | None
    gate: LastGate | None
    streams: list[Stream]
    alerts: list[Alert]
    # of the last run and the last gate, what messages call their runs (ingestion/run_ids.py)
    short_run_ids: dict[UUID, str]


@dataclass(frozen=True)
class OnlineStore:
    """What Redis says of itself: bytes of the whole server (null where it will not tell), keys of our database."""

    bytes: int | None
    keys: int


@dataclass(frozen=True)
class Status:
    """A store at one instant. `contents` is null while migrations are pending."""

    now: datetime
    pending: list[str]
    contents: Contents | None
    bytes: dict[str, int]
    online: OnlineStore | Unreachable
    lock_holder: str | None


def status(connections: Connections, now: datetime) -> Status:
    """Look at both stores. Raises Unreachable when Postgres does not answer; if Redis does not, the answer says so."""
    online = look_at_redis(connections.redis)
    address = f"Postgres at {connections.postgres.address}"
    with translated_errors(address), connect(connections.postgres, purpose="status") as connection:
        connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        with connection.transaction():
            missing = pending(connection)
            contents = None if missing else _contents(connection, online, now)
            sizes = connection.execute(statement("status_storage"), {"schemas": list(SCHEMAS)}).fetchall()
            holder = lock_holder(connection)
    if contents and contents.last_run and contents.last_run.state == "running" and holder is None:
        # The next run will mark it so in ops.runs; until then its record still says what it last knew.
        contents = replace(contents, last_run=replace(contents.last_run, state="died"))
    return Status(now, missing, contents, dict(sizes), online, holder)


def look_at_redis(address: Redis) -> OnlineStore | Unreachable:
    """Whether Redis answers, and what it holds."""
    import redis

    try:
        with redis.Redis.from_url(address.url, socket_connect_timeout=5, socket_timeout=5, retry=None) as client:
            keys = int(client.dbsize())
            try:
                memory = int(client.info("memory")["used_memory"])
            except redis.ResponseError:  # a hosted Redis may refuse INFO
                memory = None
    except redis.RedisError as error:
        return Unreachable(
            f"Redis at {address.address} does not answer ({error})",
            "Nothing was changed; reads of the online store fail",
            "`pikkit doctor` tells what is wrong; `pikkit up` starts the embedded one",
            service="Redis",
        )
    return OnlineStore(memory, keys)


def _contents(connection: psycopg.Connection, online: OnlineStore | Unreachable, now: datetime) -> Contents:
    with connection.cursor(row_factory=dict_row) as cursor:
        lag = cursor.execute(statement("status_lag")).fetchone() or {}
        rows = cursor.execute(statement("status_rows")).fetchone() or {}
    with connection.cursor(row_factory=class_row(LastRun)) as cursor:
        last_run = cursor.execute(statement("last_run")).fetchone()
    with connection.cursor(row_factory=class_row(LastGate)) as cursor:
        gate = cursor.execute(statement("status_gate")).fetchone()
    with connection.cursor(row_factory=class_row(Stream)) as cursor:
        streams = cursor.execute(statement("status_streams")).fetchall()
    with connection.cursor(row_factory=class_row(Alert)) as cursor:
        alerts = cursor.execute(statement("status_alerts")).fetchall()
    params = {
        "views": [view.name for view in STORED_VIEWS],
        "key_sources": [view.group.name if isinstance(view, GroupedView) else view.name for view in STORED_VIEWS],
    }
    views = [
        ViewStatus(
            name=view.name,
            ttl=view.ttl,
            offline=_copy(lag["refreshed_at"], view.ttl, now),
            online=_online_copy(copied_until, view.ttl, now, online),
            keys=keys,
            change_rows=change_rows,
        )
        for view, (keys, change_rows, copied_until) in zip(
            STORED_VIEWS, connection.execute(statement("status_views"), params), strict=True
        )
    ]
    short_ids = short_run_ids(connection, [each.run_id for each in (last_run, gate) if each is not None])
    return Contents(
        views=views,
        rows=rows,
        last_run=last_run,
        gate=gate,
        streams=streams,
        alerts=alerts,
        short_run_ids=short_ids,
        **lag,
    )


def _copy(refreshed_at: datetime | None, ttl: timedelta, now: datetime) -> Copy:
    if refreshed_at is None:
        return Copy(None, None, "never")
    age = now - refreshed_at
    return Copy(refreshed_at, age, "stale" if age > ttl else "fresh")


def _online_copy(
    copied_until: datetime | None, ttl: timedelta, now: datetime, online: OnlineStore | Unreachable
) -> Copy:
    copy = _copy(copied_until, ttl, now)
    if isinstance(online, Unreachable):
        return Copy(copy.refreshed_at, copy.age, "down")
    lost = copy.state == "fresh" and online.keys == 0
    return Copy(copy.refreshed_at, copy.age, "empty") if lost else copy
