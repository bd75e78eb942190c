"""The jobs that Feast runs: a retrieval for an entity frame, and the rows of one query."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from psycopg import sql

from feature_repo.errors import EntityFrameUnfit
from feature_repo.feast_internals import postgres_table
from feature_repo.offline_store.arrow_tables import read_table
from feature_repo.offline_store.column_types import describe_columns
from feature_repo.offline_store.json_columns import is_json, parse_json_column
from feature_repo.offline_store.persist import persist
from feature_repo.offline_store.retrieval.entity_frame import EntityRows
from feature_repo.offline_store.retrieval.entity_query import EntityQuery, instants_in_range, rows_in_range
from feature_repo.offline_store.retrieval.request import ViewRequest
from feature_repo.offline_store.retrieval.retrieval_sql import retrieval_sql
from feature_repo.offline_store.retrieval.view_reader import ReadOptions, ViewReader
from feature_repo.offline_store.sessions import Deadline, history_session

if TYPE_CHECKING:
    from feast import OnDemandFeatureView, RepoConfig

    from feature_repo.offline_store.retrieval.join_strategy import Way


class Job(RetrievalJob):
    """What all jobs have in common: they read one snapshot and write nothing, until they are persisted."""

    # Columns of the entity frame that come back as pandas' own text.
    _texts: Mapping[str, Any] = {}
    # Columns that hold text of JSON, once the rows are read.
    _json: Collection[str] = ()

    def __init__(self, config: RepoConfig) -> None:
        self.config = config

    @abstractmethod
    def _read(self, connection: psycopg.Connection, deadline: Deadline) -> pa.Table:
        """The rows, without on-demand features. The deadline is bound to the first statements."""

    @property
    def full_feature_names(self) -> bool:
        """Whether features are named after their views too."""
        return False

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """The on-demand views whose features are added to the rows."""
        return []

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """The features, keys and range of time of a retrieval; None for a job that is none."""
        return None

    def to_df(self, validation_reference: Any = None, timeout: int | None = None) -> pd.DataFrame:
        """The rows in pandas, numbered from 0. `timeout` in seconds. Raises what `to_arrow` raises.

        What is JSON in its table, and its text in `to_arrow`, is a Python value here, as it is online. Feast's own way
        copies every value twice more, into blocks of one type and out of them.
        """
        table = self.to_arrow(validation_reference=validation_reference, timeout=timeout)
        kept_apart = [name for name in table.column_names if name in self._texts or name in self._json]
        frame: pd.DataFrame = table.drop_columns(kept_apart).to_pandas(split_blocks=True)
        frame.index = pd.RangeIndex(len(table))
        for place, dtype in enumerate(frame.dtypes):
            values = frame.iloc[:, place].array
            # What still is Arrow's memory cannot be written to.
            if not isinstance(dtype, np.dtype) or not values.to_numpy().flags.writeable:
                frame.isetitem(place, values.copy())
        for name in kept_apart:
            column = table.column(name)
            values = parse_json_column(column) if name in self._json else self._texts[name].__from_arrow__(column)
            frame.insert(table.column_names.index(name), name, values)
        return frame

    def persist(self, storage: Any, allow_overwrite: bool | None = False, timeout: int | None = None) -> None:
        """Write the rows, on-demand features and all, to a table. Raises RowsUnfit when it is there already.

        With `allow_overwrite` it is replaced, in one transaction.
        """
        table = self.to_arrow(timeout=timeout)
        name = postgres_table(storage)
        persist(self.config, table, name, json_columns=self._json, overwrite=bool(allow_overwrite))

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        deadline = Deadline(timeout)
        with history_session(self.config, deadline) as connection:
            deadline.bind(connection)
            return self._read(connection, deadline)

    def _to_df_internal(self, timeout: int | None = None) -> Any:
        return self._to_arrow_internal(timeout=timeout).to_pandas()


class QueryJob(Job):
    """The rows of one query."""

    def __init__(self, config: RepoConfig, query: sql.Composable) -> None:
        super().__init__(config)
        self.query = query

    def _read(self, connection: psycopg.Connection, _: Deadline) -> pa.Table:
        """The rows, typed as in Feast's own store: instants have no zone and are UTC."""
        columns = describe_columns(connection, self.query)
        self._json = _json_among(columns)
        return read_table(connection, self.query, columns, zoned=False)

    def to_sql(self) -> str:
        """The query."""
        return self.query.as_string(None)


@dataclass(frozen=True)
class RetrievalRequest:
    """A retrieval without its entity rows: which features, and how they are called and chosen."""

    # `view:feature`, as the caller named them
    refs: list[str]
    # the stored views to read, in Feast's order
    views: list[ViewRequest]
    # the on-demand views to compute from them
    on_demand: list[OnDemandFeatureView]
    # whether features are called `view__feature`
    full_names: bool
    # whether only rows count that were created by the instant of the entity row
    filter_by_created: bool


class PointInTimeRetrievalJob(Job):
    """Features as of the instants of an entity frame: one row out for each row in, in its order.

    `way` reads every view this way, instead of the one that should be faster.
    """

    way: Way | None = None

    def __init__(self, config: RepoConfig, request: RetrievalRequest, entities: EntityRows | EntityQuery) -> None:
        super().__init__(config)
        self.request, self.entities = request, entities
        if isinstance(entities, EntityRows):
            self._texts = entities.texts
        self._metadata: RetrievalMetadata | None = None
        self._since: datetime | None = None
        names = entities.table.column_names if isinstance(entities, EntityRows) else [n for n, _ in entities.columns]
        self._columns_kept = _columns_kept(names, request.views, entities.instant_column)
        self._keys = [name for name in names if name != entities.instant_column]

    @property
    def full_feature_names(self) -> bool:
        """Whether features are named after their views too."""
        return self.request.full_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """The on-demand views whose features are added to the rows."""
        return self.request.on_demand

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """The features, the other columns of the frame, the earliest and latest instant; of SQL these are queried."""
        if self._metadata is None:
            self._metadata = RetrievalMetadata(self.request.refs, self._keys, *self._span())
        return self._metadata

    def _read(self, connection: psycopg.Connection, deadline: Deadline) -> pa.Table:
        """The frame's own columns, then the features of each view."""
        rows = self.entities if isinstance(self.entities, EntityRows) else self.entities.rows(connection)
        if self._metadata is None:
            self._metadata = RetrievalMetadata(self.request.refs, self._keys, *(rows.span or (None, None)))
        reader = ViewReader(
            connection, rows, ReadOptions(self.request.filter_by_created, self._since, self.way), deadline
        )
        table = rows.table.select(self._columns_kept)
        columns = dict(zip(table.column_names, table.columns, strict=True))
        for view in self.request.views:
            columns |= reader.features(view)
        self._json = reader.json
        # What pandas noted of the frame's columns brings them back as they were.
        return pa.table(columns).replace_schema_metadata(rows.table.schema.metadata)

    def _span(self) -> tuple[datetime | None, datetime | None]:
        if isinstance(self.entities, EntityRows):
            return self.entities.span or (None, None)
        with history_session(self.config) as connection:
            return self.entities.span(connection)

    def to_sql(self) -> str:
        """One statement with the same result in any session, without on-demand features."""
        with history_session(self.config) as connection:
            return retrieval_sql(
                connection,
                self.request.views,
                self.entities,
                columns_kept=self._columns_kept,
                filter_by_created=self.request.filter_by_created,
                since=self._since,
            )


class TimeRangeJob(PointInTimeRetrievalJob):
    """Features at every instant of a range of time at which one of several views has a row."""

    def __init__(self, config: RepoConfig, request: RetrievalRequest, span: tuple[datetime, datetime]) -> None:
        with history_session(config) as connection:
            query = instants_in_range(connection, request.views, *span)
            columns = describe_columns(connection, query)
        super().__init__(config, request, EntityQuery(query, tuple(columns), columns[0][0]))
        self._since = span[0]
        self._metadata = RetrievalMetadata(request.refs, [], *span)


class EveryRowJob(Job):
    """All rows of one view in a range of time."""

    def __init__(self, config: RepoConfig, request: RetrievalRequest, span: tuple[datetime, datetime]) -> None:
        super().__init__(config)
        self.request, self._range = request, span

    @property
    def full_feature_names(self) -> bool:
        """Whether features are named after their views too."""
        return self.request.full_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """The on-demand views whose features are added to the rows."""
        return self.request.on_demand

    @property
    def metadata(self) -> RetrievalMetadata:
        """The features and the range of time."""
        return RetrievalMetadata(self.request.refs, [], *self._range)

    def _read(self, connection: psycopg.Connection, _: Deadline) -> pa.Table:
        """The rows in the order of their instants, which are aware UTC."""
        query, columns = rows_in_range(connection, self.request.views[0], *self._range)
        self._json = _json_among(columns)
        return read_table(connection, query, columns, zoned=True)

    def to_sql(self) -> str:
        """The query."""
        with history_session(self.config) as connection:
            return rows_in_range(connection, self.request.views[0], *self._range)[0].as_string(connection)


def _json_among(columns: Iterable[tuple[str, str]]) -> set[str]:
    return {name for name, type_name in columns if is_json(type_name)}


def _columns_kept(names: Sequence[str], views: Sequence[ViewRequest], instant: str) -> list[str]:
    """The frame's columns in the result: all but those that a feature of the same name takes the place of.

    Raises EntityFrameUnfit when that is a join key or the event timestamp.
    """
    feature_names = {name for view in views for name in view.features}
    joined_on = {instant, *(key for view in views for key in view.join_keys)}
    if feature_names & joined_on:
        raise EntityFrameUnfit(
            f"{', '.join(sorted(feature_names & joined_on))} would be a feature and a column that is joined on",
            "Nothing was read",
            "Ask for full_feature_names=True",
        )
    return [name for name in names if name not in feature_names]
