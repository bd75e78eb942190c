"""Reading views for the rows of an entity frame: one after the other, all at one snapshot of the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import polars as pl
import psycopg
import pyarrow as pa

from feature_repo.offline_store.column_types import UTC_INSTANT, column_type, key_type
from feature_repo.offline_store.json_columns import is_json
from feature_repo.offline_store.retrieval import as_of_join, history_sql, index_lookup, join_strategy
from feature_repo.offline_store.retrieval.entity_frame import EntityRows
from feature_repo.offline_store.retrieval.fetched_rows import fetch_rows, gather_features
from feature_repo.offline_store.retrieval.join_strategy import Way
from feature_repo.offline_store.retrieval.key_comparison import keys_as_compared
from feature_repo.offline_store.retrieval.request import ViewRequest
from feature_repo.offline_store.sessions import Deadline
from feature_repo.postgres.queries import feast_statement


class ReadOptions(NamedTuple):
    """How views are read.

    `filter_by_created`: only rows count that were created by the instant of the entity row. `since`: no older row does.
    `way` reads every view this way, instead of the one that should be faster.
    """

    filter_by_created: bool = False
    since: datetime | None = None
    way: Way | None = None


class ViewReader:
    """Reads the features of one view after the other for the same entity rows, in one transaction."""

    def __init__(
        self, connection: psycopg.Connection, rows: EntityRows, options: ReadOptions, deadline: Deadline
    ) -> None:
        self._connection, self._rows, self._options, self._deadline = connection, rows, options, deadline
        self._instants = as_of_join.SortedInstants(rows.instants)
        self._keys: dict[str, pl.Series] = {}
        # The features read so far whose columns hold JSON.
        self.json: set[str] = set()

    def features(self, request: ViewRequest) -> dict[str, Any]:
        """The features of a view as Arrow columns, one value per row of the frame, by their names in the result.

        Raises EntityFrameUnfit, RowsUnfit, RetrievalTimedOut, psycopg.Error.
        """
        self._deadline.bind(self._connection)
        types = request.types(self._connection)
        keys = [
            self._key(name, types[column], request)
            for name, column in zip(request.join_keys, request.table.keys, strict=True)
        ]
        of_features = [types[column] for column in request.features.values()]
        self.json |= {name for name, type_name in zip(request.features, of_features, strict=True) if is_json(type_name)}
        fetched, positions = self._read_rows(request, types, keys)
        self._deadline.check()
        if fetched is None:
            columns = [pa.nulls(len(positions), _null_type(type_name)) for type_name in of_features]
        else:
            columns = gather_features(fetched, positions, of_features)
        return dict(zip(request.features, columns, strict=True))

    def _key(self, name: str, type_name: str, request: ViewRequest) -> pl.Series:
        if name not in self._keys:
            self._keys[name] = self._rows.column(name)
        return keys_as_compared(self._keys[name], type_name, request.name)

    def _read_rows(
        self, request: ViewRequest, types: history_sql.Types, keys: Sequence[pl.Series]
    ) -> tuple[Any, pl.Series]:
        watermark, no_positions = None, pl.Series([None] * self._instants.height, dtype=pl.Int64)
        if request.carried is not None:
            watermark = _watermark(self._connection)
        if self._rows.span is None or (request.carried is not None and watermark is None):
            return None, no_positions
        lookups, lookup_of_row = None, None
        if self._options.way != "as-of" and self._instants.height <= join_strategy.MOST_LOOKUPS:
            lookups, lookup_of_row = index_lookup.distinct_lookups(self._rows.instants, keys)
            if self._options.way == "lookup" or self._way(request, types, lookups, watermark) == "lookup":
                query = self._lookup_query(request, types, lookups, watermark)
                self._deadline.bind(self._connection)
                of_features = [types[column] for column in request.features.values()]
                fetched, positions = index_lookup.fetch_lookups(self._connection, query, of_features, lookups.height)
                return fetched.features, positions.gather(lookup_of_row)
        return self._as_of_join(request, types, keys, watermark)

    def _way(
        self, request: ViewRequest, types: history_sql.Types, lookups: pl.DataFrame, watermark: datetime | None
    ) -> Way:
        if not lookups.height:
            return "lookup"
        single_lookup = join_strategy.planner_estimate(
            self._connection, self._lookup_query(request, types, lookups.head(1), watermark)
        )
        return join_strategy.faster_way(
            lookups.height,
            single_lookup,
            join_strategy.planner_estimate(self._connection, self._history_query(request, types, watermark)),
        )

    def _lookup_query(
        self, request: ViewRequest, types: history_sql.Types, lookups: pl.DataFrame, watermark: datetime | None
    ) -> Any:
        filter_by_created, since = self._options.filter_by_created, self._options.since
        return index_lookup.lookup_query(
            request, types, lookups, filter_by_created=filter_by_created, watermark=watermark, since=since
        )

    def _history_query(self, request: ViewRequest, types: history_sql.Types, watermark: datetime | None) -> Any:
        earliest, latest = self._rows.span or (None, None)
        assert earliest is not None  # noqa: S101 (a frame without instants reads nothing)
        # A change dated after the watermark ends what held before it: it is needed when a row looks back from there.
        is_past_watermark = watermark is not None and latest is not None and latest > watermark
        return history_sql.history_query(
            request, types, earliest, None if is_past_watermark else latest, self._options.since
        )

    def _as_of_join(
        self, request: ViewRequest, types: history_sql.Types, keys: Sequence[pl.Series], watermark: datetime | None
    ) -> tuple[Any, pl.Series]:
        columns: dict[str, pl.DataType] = {
            f"k{number}": key_type(types[column]).dtype for number, column in enumerate(request.table.keys)
        }
        columns |= {"t": UTC_INSTANT} | ({"c": UTC_INSTANT} if request.table.created else {})
        of_features = [types[column] for column in request.features.values()]
        self._deadline.bind(self._connection)
        fetched = fetch_rows(self._connection, self._history_query(request, types, watermark), columns, of_features)
        self._deadline.check()
        filter_by_created = self._options.filter_by_created
        positions = as_of_join.as_of_positions(
            self._instants, keys, fetched.keys, request, filter_by_created=filter_by_created, watermark=watermark
        )
        return fetched.features, positions


def _watermark(connection: psycopg.Connection) -> datetime | None:
    row = connection.execute(feast_statement("features_watermark")).fetchone()
    return row[0] if row else None


def _null_type(type_name: str) -> Any:
    copied = column_type(type_name)
    return copied.arrow if copied is not None else pa.string()
