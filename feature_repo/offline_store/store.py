"""The Feast offline store of this repository: point-in-time joins over Postgres, as fast as it can copy.

get_historical_features                 the same values as Feast's own Postgres store where that is right; reads only
pull_latest_from_table_or_query         the same rows, without making those that a re-asserted source says again
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
from feature_repo.offline_store.jobs import EveryRowJob, PointInTimeRetrievalJob, QueryJob, Retrieval, StretchJob
from feature_repo.offline_store.latest import newest
from feature_repo.offline_store.retrieval.entity_frame import require_columns, rows_of_frame
from feature_repo.offline_store.retrieval.entity_query import entity_query
from feature_repo.offline_store.retrieval.request import asked
from feature_repo.offline_store.sessions import history_session
from feature_repo.offline_store.source_table import columns, instant_literal, listed, origin, with_no_key
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
    """Feast's Postgres store with point-in-time joins, reads and writes of our own."""

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
        """Features as of the instants of a frame (pandas, Polars) or a SQL query, or of a stretch without either.

        Raises EntityFrameUnfit for columns that are missing or unfit, and StoredFunctionDiffers. Nothing is read of the
        views before the job runs.
        """
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        require_own_functions(on_demand)
        if file_views.are_read(feature_views):
            return file_views.store().get_historical_features(
                file_views.config_of(config),
                feature_views,
                feature_refs,
                entity_df,
                registry,
                project,
                full_feature_names,
                filter_by_created_timestamp,
                **kwargs,
            )
        stretch = _stretch(feature_views, kwargs) if entity_df is None else None
        request = Retrieval(
            feature_refs,
            asked(
                feature_refs,
                feature_views,
                registry,
                project,
                full_names=full_feature_names,
                expanded=stretch is not None,
            ),
            on_demand,
            full_feature_names,
            filter_by_created_timestamp,
        )
        if stretch is not None:
            return (EveryRowJob if len(request.views) == 1 else StretchJob)(config, request, stretch)
        needed = [key for view in request.views for key in view.join_keys]
        if isinstance(entity_df, str):
            with history_session(config) as connection:
                return PointInTimeRetrievalJob(config, request, entity_query(connection, entity_df, needed))
        require_columns(needed, [str(name) for name in entity_df.columns])
        return PointInTimeRetrievalJob(config, request, rows_of_frame(entity_df))

    @staticmethod
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
        if file_views.is_file(data_source):
            return file_views.store().pull_latest_from_table_or_query(
                file_views.config_of(config),
                data_source,
                join_key_columns,
                feature_name_columns,
                timestamp_field,
                created_timestamp_column,
                start_date,
                end_date,
            )
        read = origin(data_source, tuple(join_key_columns), timestamp_field, created_timestamp_column)
        names = [*join_key_columns, *feature_name_columns]
        if not feature_name_columns:
            with history_session(config) as connection:
                names = list(describe_query(connection, sql.SQL("select * from {} as source").format(read.source)))
        times = [timestamp_field, *filter(None, [created_timestamp_column])]
        query = newest(read, carry_forward_of(data_source), names, start_date, end_date, given=False)
        ordered = columns(names if not feature_name_columns else list(dict.fromkeys([*names, *times])))
        selected = with_no_key(ordered, join_key_columns)
        return QueryJob(config, sql.SQL("select {} from ({}\n) as latest").format(selected, query))

    @staticmethod
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
        if file_views.is_file(data_source):
            return file_views.store().pull_all_from_table_or_query(
                file_views.config_of(config),
                data_source,
                join_key_columns,
                feature_name_columns,
                timestamp_field,
                created_timestamp_column,
                start_date,
                end_date,
            )
        read = origin(data_source, tuple(join_key_columns), timestamp_field, created_timestamp_column)
        if not data_source.timestamp_field:
            # A saved dataset: Feast lists a part of its columns, and leaves out rows without an instant.
            return QueryJob(config, sql.SQL("select * from {} as source").format(read.source))
        times = [timestamp_field, *filter(None, [created_timestamp_column])]
        names = list(dict.fromkeys([*join_key_columns, *feature_name_columns, *times]))
        at = sql.Identifier(timestamp_field)
        kept = [
            sql.SQL("{} {} {}").format(at, sql.SQL(sign), instant_literal(limit))
            for sign, limit in ((">=", start_date), ("<=", end_date))
            if limit is not None
        ]
        query = sql.SQL("select {} from {} as source where {}").format(
            with_no_key(columns(names) if feature_name_columns else sql.SQL("*"), join_key_columns),
            read.source,
            listed(kept, " and ") if kept else sql.SQL("true"),
        )
        return QueryJob(config, query)

    @staticmethod
    def offline_write_batch(
        config: RepoConfig, feature_view: FeatureView, table: pa.Table, progress: Callable[[int], Any] | None
    ) -> None:
        """Write rows into the table of a view's source. Raises RowsUnfit for what does not fit it."""
        if file_views.is_file(feature_view.batch_source):
            file_views.store().offline_write_batch(file_views.config_of(config), feature_view, table, None)
        else:
            write_rows(config, feature_view, table)
        if progress is not None:
            progress(table.num_rows)

    def validate_data_source(self, config: RepoConfig, data_source: Any) -> None:
        """Look whether a source can be read. Raises RowsUnfit."""
        require_readable(config, data_source)


def _stretch(views: list[FeatureView], given: dict[str, Any]) -> tuple[datetime, datetime]:
    start, end = given.get("start_date"), given.get("end_date")
    span: tuple[datetime, datetime] = compute_non_entity_date_range(views, start_date=start, end_date=end)
    return span[0].astimezone(UTC), span[1].astimezone(UTC)
