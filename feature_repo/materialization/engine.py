"""The compute engine behind the gate: all views of a materialization are judged before any is copied.

Feast asks a provider view by view, unless its engine supports batches; then it hands over all at once. It has loaded
the definitions by then, perhaps before somebody else's apply; they are read again here.

A view of this repository is copied by feature_repo/materialization/online_copy.py, between the two stores of this
repository. A view of the user's own (feature_repo/registry/ungated_views.py) and everything else is copied by the
engine that feature_store.yaml names.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

import psycopg
from feast import FeatureView
from feast.infra.common.materialization_job import MaterializationJob, MaterializationJobStatus, MaterializationTask
from feast.infra.compute_engines.base import ComputeEngine

from feature_repo.feast_internals import LocalComputeEngine, LocalMaterializationJob
from feature_repo.lineage.copy_events import CopyLineage, copy_events
from feature_repo.lineage.event_log import keep_events
from feature_repo.materialization.intervals import record_intervals
from feature_repo.materialization.online_copy import (
    CopyTarget,
    backlog_range,
    copy_range,
    discard_foreign_watermarks,
    is_current_copy,
)
from feature_repo.materialization.publish_guard import PublishRange, require_publishable
from feature_repo.offline_store.store import PointInTimeOfflineStore
from feature_repo.online_store.redis_errors import redis_errors
from feature_repo.online_store.store import FreshOnlineStore
from feature_repo.postgres.run_lock import locked_session
from feature_repo.registry.ungated_views import has_histories, is_ungated
from feature_repo.servers.redaction import redacted


class GatedEngine(ComputeEngine):
    """Another engine, behind the gate: it gets only tasks whose rows may be served."""

    def __init__(self, engine: ComputeEngine) -> None:
        super().__init__(
            repo_config=engine.repo_config, offline_store=engine.offline_store, online_store=engine.online_store
        )
        self._engine = engine
        self._is_our_copy = False

    @property
    def supports_batch(self) -> bool:
        """All views of a command come in one call."""
        return True

    @property
    def applies_materialization(self) -> bool:
        """What was copied is recorded here, under the lock."""
        return True

    def materialize(self, registry: Any, tasks: Any, **options: Any) -> list[MaterializationJob]:
        """Copy the ranges of time, view by view, and record each. Raises GateRefused, LockHeld: nothing was copied.

        The first view that fails ends it with its error, as in Feast. Those before it stay copied and recorded.
        """
        tasks = [tasks] if isinstance(tasks, MaterializationTask) else tasks
        config = self.repo_config
        with locked_session(config, "feast materialize") if has_histories(config) else nullcontext() as connection:
            current = [_reread(registry, task) for task in tasks]
            judged = [task for task in current if not is_ungated(config, task.feature_view)]
            by_column = [task for task in judged if self._is_between_ours(task.feature_view)]
            if connection is not None:
                self._judge(connection, judged, by_column)
            return [self._copy(connection, registry, task, options, by_column) for task in current]

    def _judge(
        self,
        connection: psycopg.Connection,
        judged: Sequence[MaterializationTask],
        by_column: Sequence[MaterializationTask],
    ) -> None:
        """Raise GateRefused unless all ranges may be served; then remove the watermarks of another store."""
        project = self.repo_config.project
        if by_column:
            with redis_errors(self.repo_config.online_store, "Nothing was copied"):
                self._is_our_copy = is_current_copy(connection, self._target(by_column[0]).client, project)
        require_publishable(connection, [self._publish_range(connection, task) for task in judged])
        if by_column:
            with redis_errors(self.repo_config.online_store, "Nothing was copied"):
                discard_foreign_watermarks(connection, self._target(by_column[0]).client, project)

    def _copy(
        self,
        connection: psycopg.Connection | None,
        registry: Any,
        task: MaterializationTask,
        options: dict[str, Any],
        by_column: Sequence[MaterializationTask],
    ) -> MaterializationJob:
        if connection is not None and task in by_column:
            job = self._copy_on_record(connection, task, options.get("lineage_parent"))
        else:
            (job,) = self._engine.materialize(registry, task, **options)
        if job.status() == MaterializationJobStatus.ERROR:
            raise job.error() or RuntimeError(f"{task.feature_view.name} was not materialized, and nobody said why")
        record_intervals(registry, task.project, {task.feature_view.name: (task.start_time, task.end_time)})
        return job

    def _publish_range(self, connection: psycopg.Connection, task: MaterializationTask) -> PublishRange:
        """The range that is judged: that of the task, and the backlog before it, which is copied too."""
        since, until = task.start_time, task.end_time
        if self._is_between_ours(task.feature_view):
            backlog = backlog_range(connection, self._target(task), since, until)
            since = min(since, backlog[0]) if backlog else since
        return PublishRange(task.feature_view, since, until)

    def _target(self, task: MaterializationTask) -> CopyTarget:
        overwrite = self.repo_config.online_store.skip_dedup or not self._is_our_copy
        return CopyTarget(self.repo_config, self.online_store, task.feature_view, overwrite=overwrite)

    def _is_between_ours(self, view: Any) -> bool:
        return (
            type(view) is FeatureView
            and view.online
            and not view.offline
            and isinstance(self._engine, LocalComputeEngine)
            and isinstance(self.offline_store, PointInTimeOfflineStore)
            and isinstance(self.online_store, FreshOnlineStore)
        )

    def _copy_on_record(
        self, connection: psycopg.Connection, task: MaterializationTask, parent: Any
    ) -> MaterializationJob:
        """Copy a view and keep that as lineage events, a failure too. `parent` is the run that Feast says it is of."""
        lineage, view = CopyLineage.of_config(self.repo_config, parent), task.feature_view.name
        try:
            job, keys_written = self._copy_columns(connection, task)
        except Exception as error:
            with suppress(psycopg.Error):
                keep_events(connection, copy_events(lineage, view, error=redacted(str(error))))
            raise
        keep_events(connection, copy_events(lineage, view, keys_written=keys_written))
        return job

    def _copy_columns(
        self, connection: psycopg.Connection, task: MaterializationTask
    ) -> tuple[MaterializationJob, int]:
        with redis_errors(self.repo_config.online_store, "What was copied so far stays; nothing else was changed"):
            keys_written = copy_range(connection, self._target(task), task.start_time, task.end_time)
        name = f"{task.feature_view.name}-{task.start_time}-{task.end_time}"
        return LocalMaterializationJob(job_id=name, status=MaterializationJobStatus.SUCCEEDED), keys_written

    def update(self, *args: Any, **kwargs: Any) -> None:
        """As the other engine."""
        self._engine.update(*args, **kwargs)

    def teardown_infra(self, *args: Any, **kwargs: Any) -> None:
        """As the other engine."""
        self._engine.teardown_infra(*args, **kwargs)

    def get_historical_features(self, registry: Any, task: Any) -> Any:
        """As the other engine."""
        return self._engine.get_historical_features(registry, task)


def _reread(registry: Any, task: MaterializationTask) -> MaterializationTask:
    return replace(task, feature_view=registry.get_any_feature_view(task.feature_view.name, task.project))
