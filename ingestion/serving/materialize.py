"""Feature values copied to the online store, up to the features watermark: what the runs wrote that are not there yet.

What one refresh brought appears online at once, in all views: a vector that is read meanwhile is as of before or as of
after. A copy of everything, or of more than a transaction may hold, goes view by view.

What was copied is remembered per view in Postgres and, as its online watermark, in Redis. A run that died between its
commit and its copy is so caught up by the next, and a Redis that was emptied, set back or exchanged is found out and
filled anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import psycopg

from feature_repo.declarations.views import BET_VIEWS, STORED_VIEWS, BetView, GroupedView
from feature_repo.servers.connections import Connections
from ingestion.database.access import statement
from ingestion.progress import Progress, silent
from ingestion.runs.record import Documented

if TYPE_CHECKING:
    from feast import FeatureStore

    from feature_repo.lineage.copy_events import CopyLineage
    from feature_repo.materialization.online_copy import CopyTarget


@contextmanager
def open_online_store(connections: Connections) -> Iterator[FeatureStore]:
    """Feast's store. Raises Unreachable for trouble of the online store; what Postgres holds is committed by then."""
    from redis.exceptions import RedisClusterException, RedisError

    from feature_repo.online_store.redis_errors import FeastOnlineStoreUnavailable, redis_errors
    from feature_repo.store import store_at

    store = store_at(connections)
    state = "The features are committed in Postgres; the online store still serves what it had"
    try:
        try:
            yield store
        except (RedisError, RedisClusterException):  # and no error of Postgres or of a file, which go through here too
            with redis_errors(store.config.online_store, state):
                raise
    except FeastOnlineStoreUnavailable as error:
        if not error.has_answered:
            error.next_step = (
                "Look at `pikkit doctor`, then run `pikkit materialize`; the next `pikkit run` catches up too"
            )
        raise


@dataclass(frozen=True)
class OnlineCopyCounts(Documented):
    """What was copied to the online store."""

    #: Keys written, of every view that was to be copied.
    keys_written: Mapping[str, int]

    @property
    def total(self) -> int:
        """Keys written in all views."""
        return sum(self.keys_written.values())

    def document(self) -> dict[str, Any]:
        """The keys by view."""
        return dict(self.keys_written)


class Backlog(NamedTuple):
    """What the online store lacks of a view by what Postgres remembers: what `runs` wrote, or all of it."""

    view: GroupedView | BetView
    features_watermark: datetime
    log_position: int
    # None where it was never copied.
    online_watermark: datetime | None
    runs: Sequence[UUID]


def copy_online(
    connection: psycopg.Connection,
    store: FeatureStore,
    *,
    views: Sequence[GroupedView | BetView] = STORED_VIEWS,
    anew: bool = False,
    lineage: CopyLineage | None = None,
    progress: Progress = silent,
) -> OnlineCopyCounts:
    """Copy what the online store lacks of each view and say how many keys were written. Hold the run lock.

    `anew` copies everything that is to be served, over whatever stands there. With `lineage` the copy of each view that
    wrote something is kept as events. Safe to repeat. Raises GateRefused when something of it passed no gate, or is not
    as it passed it.
    """
    from feature_repo.feast_internals import redis_client_of
    from feature_repo.materialization.online_copy import discard_foreign_watermarks, is_current_copy
    from feature_repo.materialization.publish_guard import require_sound
    from feature_repo.online_store import watermarks
    from feature_repo.online_store.delete import delete_other_types
    from feature_repo.online_store.round_trip import WriteBuffer

    registry: Any = store.registry
    project, client = store.project, redis_client_of(store.provider.online_store, store.config)
    is_empty = client.dbsize() == 0
    if anew and not is_empty:
        delete_other_types(client, [(view.join_key,) for view in STORED_VIEWS], project)
    with connection.transaction():
        # Watermarks are worth what they say only where this store set them.
        anew = not is_current_copy(connection, client, project) or anew
        name = watermarks.copy_name(connection)
    backlogs = _backlogs(connection, views)
    targets = _targets(store, backlogs, anew=anew)
    with connection.transaction():
        # All of them, before anything online is touched: what is refused leaves the online store as it was.
        for target, backlog in zip(targets, backlogs, strict=True):
            require_sound(connection, [target.view], None if target.overwrite else backlog.runs)
        discard_foreign_watermarks(connection, client, project)
    buffer = WriteBuffer(client) if not any(target.overwrite for target in targets) else None
    keys_written = dict[str, int]()
    for done, (target, backlog) in enumerate(zip(targets, backlogs, strict=True)):
        progress("materialize", done, len(views))
        keys_written[backlog.view.name] = _copy(connection, target._replace(buffer=buffer), backlog, is_empty=is_empty)
        if buffer is None:
            _record(connection, registry, project, [backlog], anew=anew)
            _keep_lineage(connection, lineage, keys_written, [backlog])
    if buffer is not None:
        buffer.flush()
        _record(connection, registry, project, backlogs, anew=anew)
        _keep_lineage(connection, lineage, keys_written, backlogs)
    if anew and {*views} == {*STORED_VIEWS}:
        watermarks.set_copy_of(client, project, name)
    progress("materialize", len(views), len(views))
    return OnlineCopyCounts(keys_written)


def _keep_lineage(
    connection: psycopg.Connection,
    lineage: CopyLineage | None,
    keys_written: Mapping[str, int],
    backlogs: Sequence[Backlog],
) -> None:
    if lineage is None:
        return
    from feature_repo.lineage.copy_events import copy_events
    from feature_repo.lineage.event_log import keep_events

    written = {backlog.view.name: keys for backlog in backlogs if (keys := keys_written[backlog.view.name])}
    events = [event for view, keys in written.items() for event in copy_events(lineage, view, keys_written=keys)]
    with connection.transaction():
        keep_events(connection, events)


def _backlogs(connection: psycopg.Connection, views: Sequence[GroupedView | BetView]) -> list[Backlog]:
    by_name = {view.name: view for view in views}
    with connection.transaction():
        rows = connection.execute(statement("backlog"), {"views": list(by_name)}).fetchall()
    return [Backlog(by_name[name], *rest) for name, *rest in rows]


def _targets(store: FeatureStore, backlogs: Sequence[Backlog], *, anew: bool) -> list[CopyTarget]:
    """Where each backlog is copied to, in their order."""
    from feature_repo.feast_internals import redis_client_of
    from feature_repo.materialization.online_copy import CopyTarget
    from feature_repo.online_store import watermarks

    online: Any = store.provider.online_store
    # One read of them all; a view that is not there is asked for by name, and missed in Feast's own words.
    of_feast = {view.name: view for view in store.list_batch_feature_views()}
    views = [of_feast.get(backlog.view.name) or store.get_feature_view(backlog.view.name) for backlog in backlogs]
    in_redis = watermarks.read_watermarks(redis_client_of(online, store.config), store.project).views
    targets = [CopyTarget(store.config, online, view, overwrite=anew) for view in views]
    return [
        _placed(target, backlog, watermarks.instant_copied(in_redis.get(target.name), target.view))
        for target, backlog in zip(targets, backlogs, strict=True)
    ]


def _placed(target: CopyTarget, backlog: Backlog, in_redis: datetime | None) -> CopyTarget:
    """The target, to be overwritten as a whole where what stands there is not known to be ours up to a time.

    `in_redis`: the online watermark that the view has there.
    """
    in_postgres = backlog.online_watermark
    # A watermark behind what was copied, or ahead of what there is, is that of another time, here or there.
    is_known = (
        in_redis is not None and in_postgres is not None and in_postgres <= in_redis <= backlog.features_watermark
    )
    return target._replace(overwrite=target.overwrite or not is_known)


def _copy(connection: psycopg.Connection, target: CopyTarget, backlog: Backlog, *, is_empty: bool) -> int:
    from feature_repo.materialization.online_copy import copy_range, copy_runs

    # Older bets are not served any more.
    oldest = backlog.features_watermark - backlog.view.ttl if backlog.view in BET_VIEWS else None
    with connection.transaction():
        if target.overwrite:
            written = copy_range(
                connection, target, oldest or backlog.features_watermark, backlog.features_watermark, whole=not is_empty
            )
        else:
            written = copy_runs(connection, target, backlog.runs, since=oldest)
    target.set_watermark(backlog.features_watermark)
    return written


def _record(
    connection: psycopg.Connection, registry: Any, project: str, backlogs: Sequence[Backlog], *, anew: bool
) -> None:
    """Remember that the views are copied, here and in Feast's registry.

    `anew`: what Feast remembers past the watermark was copied by a clock that ran ahead, and was taken back since.
    """
    from feature_repo.materialization.intervals import cut_intervals, record_intervals

    finished_at = datetime.now(UTC)
    copied = [
        {
            "view": backlog.view.name,
            "online_watermark": backlog.features_watermark,
            "log_position": backlog.log_position,
            "finished_at": finished_at,
        }
        for backlog in backlogs
    ]
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(statement("record_materialization"), copied)
    if anew:
        for backlog in backlogs:
            cut_intervals(registry, project, [backlog.view.name], backlog.features_watermark)
    intervals = {
        backlog.view.name: (backlog.online_watermark or backlog.features_watermark, backlog.features_watermark)
        for backlog in backlogs
        if backlog.online_watermark != backlog.features_watermark
    }
    if intervals:
        record_intervals(registry, project, intervals)
