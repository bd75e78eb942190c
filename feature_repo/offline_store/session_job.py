"""A retrieval in a session of the caller's: for what stands there alone, such as temporary tables of change rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import psycopg
import pyarrow as pa
from psycopg import sql

from feature_repo.offline_store.jobs import PointInTimeRetrievalJob
from feature_repo.offline_store.retrieval.request import ViewRequest
from feature_repo.offline_store.sessions import Deadline


class SessionJob(PointInTimeRetrievalJob):
    """The retrieval `job`, read in the open transaction of `connection`.

    `tables`: view -> a table with the columns of its changelog, as `schema.table`, which is read in its place. Views
    without one are read as ever.
    """

    def __init__(self, job: PointInTimeRetrievalJob, connection: psycopg.Connection, tables: Mapping[str, str]) -> None:
        views = [_read_from(view, tables[view.name]) if view.name in tables else view for view in job.request.views]
        super().__init__(job.config, replace(job.request, views=views), job.entities)
        self._connection = connection

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return self._read(self._connection, Deadline(timeout))


def _read_from(view: ViewRequest, table: str) -> ViewRequest:
    carried = view.carried and view.carried._replace(changelog=table)
    source = sql.Identifier(*table.split("."))
    return replace(view, table=view.table._replace(source=source), carried=carried)
