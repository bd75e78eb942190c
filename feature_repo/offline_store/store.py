"""The Feast offline store of this repository: as-of joins over Postgres, as fast as it can copy.

get_historical_features                 the same values as Feast's own Postgres store where that is right; reads only
pull_latest_from_table_or_query         the same rows, without making those that are only carried forward
pull_all_from_table_or_query            the same rows, by COPY
offline_write_batch                     rows given by hand, into the table of a view's source
all of these for a FileSource           Feast's own store for files, beside the tables
validate_data_source                    `feast apply` looks whether a source is there and has its columns of times

Everything else is Feast's own. How it works and what was measured: docs/offline-store.md.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from feast import OnDemandFeatureView
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres import (
    PostgreSQLOfflineStore,
    PostgreSQLOfflineStoreConfig,
)
from psycopg import sql

from feature_repo.feast_internals import compute_non_entity_date_range
from feature_repo.offline_store import file_views
from feature_repo.offline_store.column_types import describe_query
from feature_repo.offline_store.jobs import (
    EveryRowJob,
    PointInTimeRetrievalJob,
    QueryJob,
    RetrievalRequest,
    TimeRangeJob,
)
from feature_repo.offline_store.latest import latest_query
from feature_repo.offline_store.retrieval.entity_frame import entity_rows_of_frame, require_columns
from feature_repo.offline_store.retrieval.entity_query import entity_query
from feature_repo.offline_store.retrieval.request import view_requests
from feature_repo.offline_store.sessions import history_session
from feature_repo.offline_store.source_table import column_list, instant_literal, joined, source_table, with_dummy_key
from feature_repo.offline_store.validate import require_readable
from feature_repo.offline_store.write import write_rows
from feature_repo.registry.own_functions import ignore_stored_functions, require_own_functions
from feature_repo.sources import carry_forward_of

if TYPE_CHECKING:
    import pyarrow as pa
    from feast import FeatureView, RepoConfig
    from feast.infra.offline_stores.offline_store import RetrievalJob


# Feast loads this module before it reads its registry.
ignore_stored_functions()

_NAME: Final = "feature_repo.offline_store.store.PointInTimeOfflineStore"


class PointInTimeOfflineStoreConfig(PostgreSQLOfflineStoreConfig):
    """The settings of Feast's own Postgres store. `entity_select_mode` means nothing here: no table is ever made."""

    type: Literal["feature_repo.offline_store.store.PointInTimeOfflineStore"] = _NAME  # type: ignore[assignment]


class PointInTimeOfflineStore(PostgreSQLOfflineStore):
    """Feast's Postgres store with as-of joins, reads and writes of our own."""

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: Any,
        registry: Any,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
        **kwargs: Any,
    ) -> RetrievalJob:
        """Features as of the instants of an entity frame, or in a range of time without one.

        `entity_df` is a frame of pandas or Polars, a SQL query, or None.
        Raises EntityFrameUnfit for columns that are missing or unfit, and StoredFunctionDiffers. Nothing is read of the
        views before the job runs.
        """
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        require_own_functions(on_demand)
        if file_views.all_read_files(feature_views):
            return file_views.file_store().get_historical_features(
                file_views.file_store_config(config),
                feature_views,
                feature_refs,
                entity_df,
                registry,
                project,
                full_feature_names,
                filter_by_created_timestamp,
                **kwargs,
            )
        time_range = _time_range(feature_views, kwargs) if entity_df is None else None
        request = RetrievalRequest(
            feature_refs,
            view_requests(
                feature_refs,
                feature_views,
                registry,
                project,
                full_names=full_feature_names,
                expanded=time_range is not None,
            ),
            on_demand,
            full_feature_names,
            filter_by_created_timestamp,
        )
        if time_range is not None:
            return (EveryRowJob if len(request.views) == 1 else TimeRangeJob)(config, request, time_range)
        join_keys = [key for view in request.views for key in view.join_keys]
        if isinstance(entity_df, str):
            with history_session(config) as connection:
                return PointInTimeRetrievalJob(config, request, entity_query(connection, entity_df, join_keys))
        require_columns(join_keys, [str(name) for name in entity_df.columns])
        return PointInTimeRetrievalJob(config, request, entity_rows_of_frame(entity_df))

    @staticmethod
    @file_views.files_by_feast
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: Any,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> Any:
        """The newest row per key with an instant in [start_date, end_date]."""
        table = source_table(data_source, tuple(join_key_columns), timestamp_field, created_timestamp_column)
        names = [*join_key_columns, *feature_name_columns]
        if not feature_name_columns:
            with history_session(config) as connection:
                names = list(describe_query(connection, sql.SQL("select * from {} as source").format(table.source)))
        times = [timestamp_field, *filter(None, [created_timestamp_column])]
        query = latest_query(table, carry_forward_of(data_source), names, start_date, end_date, keys_only=False)
        ordered = column_list(names if not feature_name_columns else list(dict.fromkeys([*names, *times])))
        selected = with_dummy_key(ordered, join_key_columns)
        return QueryJob(config, sql.SQL("select {} from ({}\n) as latest").format(selected, query))

    @staticmethod
    @file_views.files_by_feast
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: Any,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> Any:
        """All rows with an instant in [start_date, end_date], either of which may be open; of a saved dataset, all."""
        table = source_table(data_source, tuple(join_key_columns), timestamp_field, created_timestamp_column)
        if not data_source.timestamp_field:
            # A saved dataset: Feast lists a part of its columns, and leaves out rows without an instant.
            return QueryJob(config, sql.SQL("select * from {} as source").format(table.source))
        times = [timestamp_field, *filter(None, [created_timestamp_column])]
        names = list(dict.fromkeys([*join_key_columns, *feature_name_columns, *times]))
        instant = sql.Identifier(timestamp_field)
        conditions = [
            sql.SQL("{} {} {}").format(instant, sql.SQL(sign), instant_literal(limit))
            for sign, limit in ((">=", start_date), ("<=", end_date))
            if limit is not None
        ]
        query = sql.SQL("select {} from {} as source where {}").format(
            with_dummy_key(column_list(names) if feature_name_columns else sql.SQL("*"), join_key_columns),
            table.source,
            joined(conditions, " and ") if conditions else sql.SQL("true"),
        )
        return QueryJob(config, query)

    @staticmethod
    def offline_write_batch(
        config: RepoConfig, feature_view: FeatureView, table: pa.Table, progress: Callable[[int], Any] | None
    ) -> None:
        """Write rows into the table of a view's source. Raises RowsUnfit for what does not fit it.

        The table has the source's columns by their names: join keys, features, the timestamp and the created timestamp,
        where the source has one. `progress` is called once, with the number of rows.
        """
        if file_views.is_file_source(feature_view.batch_source):
            file_views.file_store().offline_write_batch(file_views.file_store_config(config), feature_view, table, None)
        else:
            write_rows(config, feature_view, table)
        if progress is not None:
            progress(table.num_rows)

    def validate_data_source(self, config: RepoConfig, data_source: Any) -> None:
        """Look whether a source can be read. Raises RowsUnfit."""
        require_readable(config, data_source)


def _time_range(views: list[FeatureView], options: dict[str, Any]) -> tuple[datetime, datetime]:
    start, end = options.get("start_date"), options.get("end_date")
    span: tuple[datetime, datetime] = compute_non_entity_date_range(views, start_date=start, end_date=end)
    return span[0].astimezone(UTC), span[1].astimezone(UTC)
