"""Reading views for the rows of an entity frame: one after the other, all at one snapshot of the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import polars as pl
import psycopg
import pyarrow as pa

from feature_repo.offline_store.column_types import UTC_INSTANT, kind
from feature_repo.offline_store.json_columns import is_json
from feature_repo.offline_store.retrieval import as_of_join, history_sql, index_lookup, join_strategy
from feature_repo.offline_store.retrieval.entity_frame import EntityRows
from feature_repo.offline_store.retrieval.fetch import fetch, gathered
from feature_repo.offline_store.retrieval.join_strategy import Way
from feature_repo.offline_store.retrieval.key_types import fitted, key_type
from feature_repo.offline_store.retrieval.request import ViewRequest
from feature_repo.offline_store.sessions import Deadline


class Options(NamedTuple):
    """How views are read. `visible`: only what was created by the row's instant. `since`: no older row at all.

    `way` reads every view this way, instead of the one that should be faster.
    """

    visible: bool = False
    since: datetime | None = None
    way: Way | None = None


class ViewReader:
    """One retrieval in one transaction."""

    def __init__(self, connection: psycopg.Connection, rows: EntityRows, options: Options, deadline: Deadline) -> None:
        self._connection, self._rows, self._options, self._deadline = connection, rows, options, deadline
        self._instants = as_of_join.SortedInstants(rows.instants)
        self._keys: dict[str, pl.Series] = {}
        # The features read so far whose columns hold JSON.
        self.json: set[str] = set()

    def features(self, asked: ViewRequest) -> dict[str, Any]:
        """The features of a view as Arrow columns, one value per row of the frame, by their names in the result.

        Raises EntityFrameUnfit, RowsUnfit, RetrievalTimedOut, psycopg.Error.
        """
        self._deadline.bind(self._connection)
        types = asked.types(self._connection)
        keys = [
            self._key(name, types[column], asked)
            for name, column in zip(asked.join_keys, asked.origin.keys, strict=True)
        ]
        of_features = [types[column] for column in asked.features.values()]
        self.json |= {name for name, type_name in zip(asked.features, of_features, strict=True) if is_json(type_name)}
        found, positions = self._found(asked, types, keys)
        self._deadline.check()
        if found is None:
            columns = [pa.nulls(len(positions), _null_type(type_name)) for type_name in of_features]
        else:
            columns = gathered(found, positions, of_features)
        return dict(zip(asked.features, columns, strict=True))

    def _key(self, name: str, type_name: str, asked: ViewRequest) -> pl.Series:
        if name not in self._keys:
            self._keys[name] = self._rows.column(name)
        return fitted(self._keys[name], type_name, asked.name)

    def _found(self, asked: ViewRequest, types: history_sql.Types, keys: Sequence[pl.Series]) -> tuple[Any, pl.Series]:
        mark, nothing = None, pl.Series([None] * self._instants.height, dtype=pl.Int64)
        if asked.again is not None:
            mark = _mark(self._connection)
        if self._rows.span is None or (asked.again is not None and mark is None):
            return None, nothing
        pairs, of_row = None, None
        if self._options.way != "as-of" and self._instants.height <= join_strategy.MOST_LOOKUPS:
            pairs, of_row = index_lookup.distinct(self._rows.instants, keys)
            if self._options.way == "lookup" or self._way(asked, types, pairs, mark) == "lookup":
                query = self._lookup(asked, types, pairs, mark)
                self._deadline.bind(self._connection)
                of_features = [types[column] for column in asked.features.values()]
                found, places = index_lookup.looked_up(self._connection, query, of_features, pairs.height)
                return found.features, places.gather(of_row)
        return self._joined(asked, types, keys, mark)

    def _way(self, asked: ViewRequest, types: history_sql.Types, pairs: pl.DataFrame, mark: datetime | None) -> Way:
        if not pairs.height:
            return "lookup"
        one = join_strategy.explained(self._connection, self._lookup(asked, types, pairs.head(1), mark))
        return join_strategy.cheaper(
            pairs.height, one, join_strategy.explained(self._connection, self._window(asked, types, mark))
        )

    def _lookup(self, asked: ViewRequest, types: history_sql.Types, pairs: pl.DataFrame, mark: datetime | None) -> Any:
        visible, since = self._options.visible, self._options.since
        return index_lookup.lookup(asked, types, pairs, visible=visible, mark=mark, since=since)

    def _window(self, asked: ViewRequest, types: history_sql.Types, mark: datetime | None) -> Any:
        earliest, latest = self._rows.span or (None, None)
        assert earliest is not None  # noqa: S101 (a frame without instants reads nothing)
        # Changes dated after the mark end what was said before them: they are needed when a row looks back from there.
        past_mark = mark is not None and latest is not None and latest > mark
        return history_sql.window(asked, types, earliest, None if past_mark else latest, self._options.since)

    def _joined(
        self, asked: ViewRequest, types: history_sql.Types, keys: Sequence[pl.Series], mark: datetime | None
    ) -> tuple[Any, pl.Series]:
        columns: dict[str, pl.DataType] = {
            f"k{number}": key_type(types[column]).dtype for number, column in enumerate(asked.origin.keys)
        }
        columns |= {"t": UTC_INSTANT} | ({"c": UTC_INSTANT} if asked.origin.created else {})
        of_features = [types[column] for column in asked.features.values()]
        self._deadline.bind(self._connection)
        found = fetch(self._connection, self._window(asked, types, mark), columns, of_features)
        self._deadline.check()
        visible = self._options.visible
        positions = as_of_join.positions(self._instants, keys, found.keys, asked, visible=visible, mark=mark)
        return found.features, positions


def _mark(connection: psycopg.Connection) -> datetime | None:
    row = connection.execute("select features_watermark from features.watermark").fetchone()
    return row[0] if row else None


def _null_type(type_name: str) -> Any:
    found = kind(type_name)
    return found.arrow if found is not None else pa.string()
