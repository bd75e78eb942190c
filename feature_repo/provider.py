"""The Feast provider of this repository: it serves only what passed a gate, and one thing at a time.

feast materialize, materialize-incremental, store.materialize*    refused as a whole before the first view is copied
write_to_online_store, push, and their asynchronous twins         refused unless each row is a published one
write_to_offline_store, push                                      the same, for a history that only runs write
all of these, for a view of the user's own                        refused online, unless its tag says: no gate
feast apply                                                       refused when it would change a published list
feast apply, teardown                                             under the run lock, as all of the above

Everything else is Feast's own. What of Feast's inside this relies on is held by
tests/feature_repo/materialization/test_provider*.py.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from datetime import datetime
from typing import Any, Final
from weakref import finalize

import pyarrow as pa
from feast import FeatureView
from feast.infra.compute_engines.base import ComputeEngine
from feast.infra.passthrough_provider import PassthroughProvider

from feature_repo.clock import as_utc
from feature_repo.errors import GateRefused, LockHeld
from feature_repo.feast_internals import feast_value_type_to_python_type
from feature_repo.materialization.engine import GatedEngine
from feature_repo.materialization.publish_guard import RowToPublish, is_history, require_published, without_outdated
from feature_repo.postgres.run_lock import locked_session
from feature_repo.registry.pinned_services import check_published_lists, declared_services
from feature_repo.registry.ungated_views import has_histories, is_ungated

# Writers of one process, a feature server's say, wait for each other; another process is refused.
_turns: Final = threading.Lock()


class GatedProvider(PassthroughProvider):
    """Feast's own provider, behind the gate and the run lock."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._gated: GatedEngine | None = None
        self._apply, self._applying = ExitStack(), False
        finalize(self, self._apply.close)

    @property
    def batch_engine(self) -> ComputeEngine:
        """The configured engine, gated."""
        if self._gated is None:
            self._gated = GatedEngine(super().batch_engine)
        return self._gated

    # ---- rows written by hand -------------------------------------------------------------------------------------

    def online_write_batch(
        self, config: Any, table: Any, data: list[Any], progress: Callable[[int], Any] | None
    ) -> None:
        """Write rows that are published, or of a view that no gate judges. Raises GateRefused, LockHeld."""
        if is_ungated(config, table):
            # Nothing of a run's is touched: it need not be waited for.
            super().online_write_batch(config, table, data, progress)
            return
        if not isinstance(table, FeatureView):
            raise GateRefused(
                f"{table.name} is not a stored view: whether its rows passed a gate cannot be told",
                "Nothing was written",
                "Its values are computed when they are asked for; write none",
            )
        with _turns, locked_session(config, "feast write") as connection:
            rows = [_row(*row) for row in data]
            require_published(connection, table, rows)
            current = [data[place] for place in without_outdated(connection, table, rows)]
            super().online_write_batch(config, table, current, progress)

    async def online_write_batch_async(
        self, config: Any, table: Any, data: list[Any], progress: Callable[[int], Any] | None
    ) -> None:
        """The same, in a thread: what is compared stands in Postgres, and the answer is waited for."""
        await asyncio.to_thread(self.online_write_batch, config, table, data, progress)

    def offline_write_batch(
        self, config: Any, feature_view: Any, data: pa.Table, progress: Callable[[int], Any] | None
    ) -> None:
        """Append rows to the table that a view reads. Of a history of ours they must stand there already.

        Its rows follow from the bets (rule R3), so there is nothing to write by hand. Raises GateRefused.
        """
        if not is_history(feature_view):
            super().offline_write_batch(config, feature_view, data, progress)
            return
        with _turns, locked_session(config, "feast write") as connection:
            require_published(connection, feature_view, [*_rows(feature_view, data)])

    # ---- applying ------------------------------------------------------------------------------------------------

    def validate_data_source(self, config: Any, data_source: Any) -> None:
        """Where `feast apply` and `feast plan` begin: they hold the run lock from here on. Raises LockHeld."""
        self._begin_apply()
        super().validate_data_source(config, data_source)

    def plan_infra(self, config: Any, desired_registry_proto: Any) -> Any:
        """Where `feast plan` ends."""
        self._end_apply()
        return super().plan_infra(config, desired_registry_proto)

    def update_infra(self, *args: Any, **kwargs: Any) -> None:
        """Where every apply ends."""
        try:
            self._begin_apply()
        except LockHeld as error:
            # `store.apply` and `--skip-source-validation` ask nothing of a provider before they write.
            error.state = (
                "The registry has the new definitions; the online store still holds what was deleted from them"
            )
            error.next_step = "Wait until it is done, or end it, then apply again"
            raise
        try:
            super().update_infra(*args, **kwargs)
        finally:
            self._end_apply()

    def teardown_infra(self, *args: Any, **kwargs: Any) -> None:
        """Empty the online store, under the run lock. Raises LockHeld."""
        with locked_session(self.repo_config, "feast teardown") if has_histories(self.repo_config) else nullcontext():
            super().teardown_infra(*args, **kwargs)

    def _begin_apply(self) -> None:
        if not self._applying and has_histories(self.repo_config):
            connection = self._apply.enter_context(locked_session(self.repo_config, "feast apply"))
            self._applying = True
            try:
                check_published_lists(connection, self.repo_config.project, declared_services())
            except BaseException:
                self._end_apply()
                raise

    def _end_apply(self) -> None:
        self._applying = False
        self._apply.close()


def _rows(view: FeatureView, data: pa.Table) -> Iterator[RowToPublish]:
    (join_key,) = view.join_keys
    for row in data.to_pylist():
        values = {field.name: row.get(field.name) for field in view.features}
        yield RowToPublish(row[join_key], as_utc(row["event_timestamp"]), values)


def _row(key: Any, values: dict[str, Any], instant: datetime, _: datetime | None) -> RowToPublish:
    """A row as Feast hands it to the online store. Naive times are UTC."""
    (name,) = key.entity_values
    return RowToPublish(
        feast_value_type_to_python_type(name),
        as_utc(instant),
        {feature: feast_value_type_to_python_type(value) for feature, value in values.items()},
    )
