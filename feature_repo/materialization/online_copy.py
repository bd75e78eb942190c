"""What is to be served, copied from Postgres to Redis: columns all the way, no object per value.

copy_range   the newest row of each key in a range of time, as in Feast; a view that is carried forward catches up to
             the end of it
copy_runs    the newest rows that some runs wrote
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import polars as pl
import psycopg
from feast.types import Bool, Float64, Int64, String
from psycopg import sql

from feature_repo.feast_internals import redis_client_of, stored_view_name
from feature_repo.offline_store.latest import latest_pages
from feature_repo.online_store import watermarks
from feature_repo.online_store.delete import delete_rows, forget_copy
from feature_repo.online_store.layout import feature_field
from feature_repo.online_store.round_trip import WriteBuffer
from feature_repo.online_store.write import Stored, expiry, stored_rows, write_online_rows
from feature_repo.postgres.copy import copy_pages
from feature_repo.postgres.queries import feast_statement
from feature_repo.sources import carry_forward_of

if TYPE_CHECKING:
    from feast import FeatureView, RepoConfig

_ROWS: Final = 10_000
_EVER: Final = datetime(1, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TYPES: Final[dict[Any, pl.DataType]] = {
    Float64: pl.Float64(),
    Int64: pl.Int64(),
    Bool: pl.Boolean(),
    String: pl.String(),
}


class CopyTarget(NamedTuple):
    """A view's place in an online store. `overwrite`: whatever stands there, newer or not.

    With a `buffer`, rows and watermark are written when it is flushed.
    """

    config: RepoConfig
    # Feast's store for Redis, or one derived from it
    store: Any
    view: FeatureView
    overwrite: bool = False
    buffer: WriteBuffer | None = None

    @property
    def client(self) -> Any:
        """The client of Redis that the store uses itself."""
        return redis_client_of(self.store, self.config)

    @property
    def name(self) -> str:
        """What the view is called there."""
        return stored_view_name(self.view, self.config)

    @property
    def online_watermark(self) -> datetime | None:
        """The instant up to which all keys of the view are copied; None where that is not known."""
        return watermarks.online_watermark(self.client, self.config.project, self.view, self.name)

    def set_watermark(self, until: datetime) -> None:
        """Set the online watermark: all keys of the view are copied as they held at `until`."""
        command = watermarks.watermark_command(self.config.project, self.view, self.name, until)
        if self.buffer is not None:
            self.buffer.add([command])
        else:
            self.client.execute_command(*command)

    @property
    def features(self) -> list[str]:
        """The features of the view, in the order in which they are written."""
        return [field.name for field in self.view.features]

    def put(self, pages: Iterable[pl.DataFrame]) -> int:
        """Write the rows; returns how many were newer than, or as new as, what stood there."""
        return self._write(row for page in pages for row in stored_rows(page, self.view, self.config.project))

    def put_all(self, pages: Iterable[pl.DataFrame]) -> int:
        """The same, and remove the view from all other keys, which its watermark would carry forward for ever."""
        written_keys: set[bytes] = set()

        def rows_noting_keys() -> Iterator[Stored]:
            for page in pages:
                for row in stored_rows(page, self.view, self.config.project):
                    written_keys.add(row.key)
                    yield row

        written = self._write(rows_noting_keys())
        fields = [feature_field(self.name, feature) for feature in self.features]
        delete_rows(self.client, self.view.join_keys, self.config.project, self.name, fields, but=written_keys)
        return written

    def _write(self, rows: Iterable[Stored]) -> int:
        expire = expiry(self.view, self.config.online_store.key_ttl_seconds)
        return write_online_rows(
            self.client, self.name, self.features, rows, overwrite=self.overwrite, expire=expire, buffer=self.buffer
        )


def is_current_copy(connection: psycopg.Connection, client: Any, project: str) -> bool:
    """Whether Redis holds the copy of this store, and its history was not written anew since. Changes nothing."""
    return watermarks.copy_of(client, project) == watermarks.copy_name(connection)


def discard_foreign_watermarks(connection: psycopg.Connection, client: Any, project: str) -> None:
    """Delete the online watermarks in Redis when another store's copy set them; those of this store stay.

    Without a watermark no row of a carried-forward view counts as current, so rows of another store stop being served.
    To be called when everything to copy has passed its gate, just before the copy begins.
    """
    owner = watermarks.copy_of(client, project) or ""
    if _store_of(owner) != _store_of(watermarks.copy_name(connection)):
        forget_copy(client, project)


def _store_of(name: str) -> str:
    """The part of a copy's name that says of which store it is."""
    return name.partition("/")[0]


def backlog_range(
    connection: psycopg.Connection, target: CopyTarget, since: datetime, until: datetime
) -> tuple[datetime, datetime] | None:
    """The range of time that a copy of [since, until] has to read, both ends included; None when there is no backlog.

    A view that is carried forward is copied from its online watermark, whatever `since` is, and up to the features
    watermark at most: its rows before the one are there, and rows after the other do not exist.
    """
    if carry_forward_of(target.view.batch_source) is None:
        return since, until
    row = connection.execute(feast_statement("features_watermark")).fetchone()
    if row is None or since > row[0]:
        return None
    until = min(until, row[0].astimezone(UTC))
    if target.overwrite or target.online_watermark is None:
        return _EVER, until
    return (target.online_watermark + _MICROSECOND, until) if target.online_watermark < until else None


def copy_range(
    connection: psycopg.Connection, target: CopyTarget, since: datetime, until: datetime, *, whole: bool = False
) -> int:
    """Copy the newest row of each key in the backlog of [since, until]. Returns the number of keys written.

    `whole`: nothing else is to be served of the view, so it is removed from all other keys.
    """
    missing_range = backlog_range(connection, target, since, until)
    if missing_range is None:
        return 0
    # Read from the view itself, every key would be written again: the watermark carries those that did not change.
    with closing(latest_pages(connection, target.view, *missing_range, changed_only=True, rows=_ROWS)) as pages:
        written = target.put_all(pages) if whole else target.put(pages)
    if carry_forward_of(target.view.batch_source) is not None:
        target.set_watermark(missing_range[1])
    return written


def copy_runs(
    connection: psycopg.Connection, target: CopyTarget, runs: Collection[UUID], since: datetime | None = None
) -> int:
    """Copy the newest row of each key that these runs wrote to, from `since` on. Returns the number of keys written.

    Sets no watermark: whether that is the whole backlog, only the caller knows.
    """
    if not runs:
        return 0
    (join_key,) = target.view.join_keys
    schema = {join_key: pl.String(), "event_timestamp": pl.Datetime("us", "UTC")}
    schema |= {field.name: _TYPES[field.dtype] for field in target.view.features}
    query = sql.SQL(feast_statement("rows_of_runs")).format(
        key=sql.Identifier(join_key),
        columns=sql.SQL(", ").join(map(sql.Identifier, schema)),
        changelog=sql.Identifier("features", f"{target.view.name}_changes"),
    )
    with closing(copy_pages(connection, query, {"runs": list(runs), "since": since}, schema, rows=_ROWS)) as pages:
        return target.put(pages)
