"""Where a store stands: how fresh each view is, whether Redis holds what it should, how much there is of everything,
what ran last, who is at it now.

Reads only, and without Feast: one snapshot of Postgres, a look at Redis, and Postgres again for what moved in between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row

from feature_repo import clock
from feature_repo.bets.vocabulary_version import VocabularyVersion, vocabulary_version
from feature_repo.clock import CLOCK_TOLERANCE
from feature_repo.declarations.views import STORED_VIEWS, GroupedView
from feature_repo.errors import Unreachable
from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.postgres.run_lock import lock_holder
from feature_repo.servers.connections import REGISTRY_SCHEMA, Connections, Redis
from ingestion.database.access import connect, statement
from ingestion.database.migrate import pending
from ingestion.database.rollout import missing_columns, unapplied
from ingestion.features.feature_versions import redefined_features
from ingestion.runs.alerts import REFUSAL
from ingestion.runs.life_lock import living_runs
from ingestion.runs.record import RunState
from ingestion.runs.run_ids import short_run_ids
from ingestion.serving.online_sample import (
    ActualCopy,
    ExpectedCopy,
    Finding,
    OnlineSample,
    actual_copy,
    expected_copy,
    online_findings,
)
from ingestion.wording import span

STORE_SCHEMAS: Final = ("raw", "processed", "quarantine", "features", "ops", REGISTRY_SCHEMA)

# fresh       refreshed within the TTL, and all that was looked at is as it must be
# stale       longer ago: a pipeline that is dead, whose values must not be used
# ahead       refreshed later than the clock says: one of the two clocks is wrong
# never       nothing was published there yet
# redefined   rows are of another definition than this code's: features may be null for want of a backfill
# empty       it was copied, but Redis holds nothing any more
# incomplete  it was copied, but keys or watermarks are not there any more, or it is another store's, or of another time
# differs     keys stand there with other values than Postgres has for them
# down        Redis does not answer
ViewState = Literal["fresh", "stale", "ahead", "never", "redefined", "empty", "incomplete", "differs", "down"]


@dataclass(frozen=True)
class Copy:
    """A view's rows in one store: up to when they hold, how long ago that is, and what follows for readers."""

    #: The features watermark, or offline's counterpart in Redis, the online one; null where there is none yet.
    watermark: datetime | None
    #: From the watermark to now; null without a watermark, and where it lies past the clock.
    age: timedelta | None
    state: ViewState
    #: Why, where the state alone does not say it.
    reason: str | None = None


@dataclass(frozen=True)
class ViewStatus:
    """One stored view. Its keys are what it can be asked for. `sample`: the keys looked at online, if any were."""

    name: str
    ttl: timedelta
    offline: Copy
    online: Copy
    keys: int
    change_rows: int
    sample: OnlineSample | None = None

    @property
    def online_is_behind(self) -> bool:
        """Whether the online store lacks the last refresh, as after a run that died before it had copied."""
        offline, online = self.offline.watermark, self.online.watermark
        return offline is not None and (online is None or online < offline)


@dataclass(frozen=True)
class LastRun:
    """The run that started last. `now` is the clock it ran by; the other times are the machine's."""

    run_id: UUID
    verb: str
    state: RunState
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

    @property
    def is_refusal(self) -> bool:
        """Whether a gate keeps everything new back."""
        return self.cause.startswith(REFUSAL)


@dataclass(frozen=True)
class LastGate:
    """The last judgement over a refresh, and how many refreshes were ever published over a failed one."""

    run_id: UUID
    state: str
    reason: str | None
    overridden_by: dict[str, str | None] | None
    judged_at: datetime
    overridden: int
    # of its checks: all, those that had something to judge, those that failed, those that warned
    checks: int
    judged: int
    failed: int
    warned: int


@dataclass(frozen=True)
class LastIntake:
    """The newest run that read rows and kept what it made of them: rows read, new versions, new refused rows."""

    run_id: UUID
    rows_read: int
    accepted: int
    quarantined: int


@dataclass(frozen=True)
class Contents:
    """What a migrated store holds.

    What this code declares and the store is not up to: features without a column, views that Feast's registry lacks or
    has otherwise, features with rows of another definition. The codes of names that the store has given.
    """

    views: list[ViewStatus]
    missing_columns: list[str]
    unapplied: list[str]
    redefined: list[str]
    vocabulary: VocabularyVersion
    rows: dict[str, int]
    #: Null before the first refresh.
    features_watermark: datetime | None
    #: The known_at of the newest version of the log; null for an empty log.
    newest_known_at: datetime | None
    versions_behind: int
    last_run: LastRun | None
    gate: LastGate | None
    intake: LastIntake | None
    streams: list[Stream]
    alerts: list[Alert]
    # of the last run and the last gate, what messages call their runs (ingestion/runs/run_ids.py)
    short_run_ids: dict[UUID, str]


@dataclass(frozen=True)
class OnlineStore:
    """What Redis says of itself: bytes of the whole server (null where it will not tell), keys of our database."""

    bytes: int | None
    keys: int


@dataclass(frozen=True)
class StoreStatus:
    """A store at one instant. `contents` is null while migrations are pending.

    `is_clock_stopped`: the instant is one that somebody gave, by --now or PIKKIT_NOW.
    """

    now: datetime
    is_clock_stopped: bool
    pending: list[str]
    contents: Contents | None
    bytes: dict[str, int]
    online: OnlineStore | Unreachable
    lock_holder: str | None


def status_by_clock(connections: Connections) -> StoreStatus:
    """Look at both stores as of the clock, and say whether somebody stopped it. Raises what `store_status` raises."""
    return store_status(connections, clock.now(), is_clock_stopped=clock.is_stopped())


def store_status(connections: Connections, now: datetime, *, is_clock_stopped: bool = False) -> StoreStatus:
    """Look at both stores. Raises Unreachable when Postgres does not answer; if Redis does not, the answer says so."""
    address = f"Postgres at {connections.postgres.address}"
    with postgres_errors(address), connect(connections.postgres, purpose="status") as connection:
        connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        with connection.transaction():
            missing = pending(connection)
            contents = None if missing else _contents(connection, now)
            # Without a column for each feature there are no rows to compare.
            is_comparable = contents is not None and not contents.missing_columns
            expected = expected_copy(connection, now) if is_comparable else ExpectedCopy("", [])
            sizes = connection.execute(statement("status_storage"), {"schemas": list(STORE_SCHEMAS)}).fetchall()
            holder = lock_holder(connection)
            living = living_runs(connection) if contents else []
        online, actual = look_at_redis(connections.redis, expected)
        findings = {}
        if actual is not None and contents is not None:
            with connection.transaction():
                # A backfill writes other values under old instants, and its copy comes after: no difference counts.
                holder = holder or lock_holder(connection)
                findings = online_findings(connection, expected, actual) if holder is None else {}
    if contents is not None:
        contents = replace(contents, views=[_with_online(view, findings, online, now) for view in contents.views])
    last = contents.last_run if contents else None
    if contents and last and last.state == "running" and holder is None and last.run_id not in living:
        # The next run will mark it so in ops.runs; until then its record still says what it last knew.
        contents = replace(contents, last_run=replace(last, state="died"))
    return StoreStatus(now, is_clock_stopped, missing, contents, dict(sizes), online, holder)


def look_at_redis(address: Redis, expected: ExpectedCopy) -> tuple[OnlineStore, ActualCopy] | tuple[Unreachable, None]:
    """Whether Redis answers, how much it holds, and what stands there of what is expected."""
    import redis

    try:
        with redis.Redis.from_url(address.url, socket_connect_timeout=5, socket_timeout=5, retry=None) as client:
            keys = int(client.dbsize())
            try:
                memory = int(client.info("memory")["used_memory"])
            except redis.ResponseError:  # a hosted Redis may refuse INFO
                memory = None
            return OnlineStore(memory, keys), actual_copy(client, expected)
    except redis.RedisError as error:
        unreachable = Unreachable(
            f"Redis at {address.address} does not answer ({error})",
            "Nothing was changed; reads of the online store fail",
            "`pikkit doctor` tells what is wrong; `pikkit up` starts the embedded one",
            service="Redis",
        )
        return unreachable, None


def _contents(connection: psycopg.Connection, now: datetime) -> Contents:
    """All of it but the online copies, which are `never` where nothing was copied yet, and known by that only."""
    with connection.cursor(row_factory=dict_row) as cursor:
        lag = cursor.execute(statement("status_lag")).fetchone() or {}
        rows = cursor.execute(statement("status_rows")).fetchone() or {}
    with connection.cursor(row_factory=class_row(LastRun)) as cursor:
        last_run = cursor.execute(statement("last_run")).fetchone()
    with connection.cursor(row_factory=class_row(LastGate)) as cursor:
        gate = cursor.execute(statement("status_gate")).fetchone()
    with connection.cursor(row_factory=class_row(LastIntake)) as cursor:
        intake = cursor.execute(statement("status_intake")).fetchone()
    with connection.cursor(row_factory=class_row(Stream)) as cursor:
        streams = cursor.execute(statement("status_streams")).fetchall()
    with connection.cursor(row_factory=class_row(Alert)) as cursor:
        alerts = cursor.execute(statement("status_alerts"), {"refusal": REFUSAL}).fetchall()
    params = {
        "views": [view.name for view in STORED_VIEWS],
        "key_sources": [view.group.name if isinstance(view, GroupedView) else view.name for view in STORED_VIEWS],
    }
    redefined = redefined_features(connection)
    redefined_by_view = {
        view.name: [name for name in view.features if f"{view.name}.{name}" in redefined] for view in STORED_VIEWS
    }
    views = [
        ViewStatus(
            name=view.name,
            ttl=view.ttl,
            offline=_as_defined(_copy(lag["features_watermark"], view.ttl, now), redefined_by_view[view.name]),
            online=_as_defined(_copy(online_watermark, view.ttl, now), redefined_by_view[view.name]),
            keys=keys,
            change_rows=change_rows,
        )
        for view, (keys, change_rows, online_watermark) in zip(
            STORED_VIEWS, connection.execute(statement("status_views"), params), strict=True
        )
    ]
    short_ids = short_run_ids(connection, [each.run_id for each in (last_run, gate) if each is not None])
    return Contents(
        views=views,
        missing_columns=missing_columns(connection),
        unapplied=unapplied(connection),
        redefined=redefined,
        vocabulary=vocabulary_version(connection),
        rows=rows,
        last_run=last_run,
        gate=gate,
        intake=intake,
        streams=streams,
        alerts=alerts,
        short_run_ids=short_ids,
        **lag,
    )


def _copy(watermark: datetime | None, ttl: timedelta, now: datetime) -> Copy:
    """How fresh a copy with that watermark is at `now` (rule R6: feature_repo/online_store/freshness.py)."""
    if watermark is None:
        return Copy(None, None, "never")
    age = now - watermark
    if age < -CLOCK_TOLERANCE:
        return Copy(watermark, None, "ahead", f"refreshed {span(-age)} later than the clock says")
    return Copy(watermark, max(age, timedelta(0)), "stale" if age > ttl else "fresh")


def _as_defined(copy: Copy, redefined: list[str]) -> Copy:
    if copy.state != "fresh" or not redefined:
        return copy
    reason = f"values of another definition stand beside, or in place of, today's: {', '.join(redefined)}"
    return replace(copy, state="redefined", reason=reason)


def _with_online(
    view: ViewStatus, findings: dict[str, Finding], online: OnlineStore | Unreachable, now: datetime
) -> ViewStatus:
    """The view with what was found of it online. What is known by Postgres only stays, where nothing was compared."""
    copy = view.online
    if isinstance(online, Unreachable):
        return replace(view, online=replace(copy, state="down"))
    if copy.state == "never":
        return view
    if online.keys == 0:
        return replace(view, online=replace(copy, state="empty"))
    if (finding := findings.get(view.name)) is None:
        return view
    if finding.fault is None:
        return replace(view, sample=finding.sample)
    # Readers go by the watermark, whatever was copied once.
    online_copy = _copy(finding.watermark, view.ttl, now)
    return replace(view, online=replace(online_copy, state=finding.fault, reason=finding.reason), sample=finding.sample)
