"""The store's latest values, copied to three tables of a Supabase project (docs/supabase.sql).

The views are read in one snapshot and compared with what the tables hold; only rows that differ are sent. Upserts go
first and deletes last, so that a reader misses no group meanwhile. Each request stands for itself: a copy that breaks
off is finished by the next one, which finds the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import psycopg
from psycopg import IsolationLevel, sql

from feature_repo.errors import ConfigurationError, PikkitError
from feature_repo.servers.connections import Postgres
from ingestion.database.access import advisory_lock, statement
from ingestion.database.read_only import read_only_store
from ingestion.progress import Progress, silent
from ingestion.serving.publish_supabase.tables import TABLES, PublishedKey, PublishedRow, PublishedTable, from_store
from ingestion.serving.publish_supabase.target import SupabaseTarget, open_target
from ingestion.sources.settings import SourceSettings, SupabaseProject

# Rows in one request.
ROWS_PER_UPSERT: Final = 500

# The advisory lock of publications. Any constant will do, other than those of the run and of migrations.
_LOCK: Final = 7_745_548_072_115_291_139


@dataclass(frozen=True)
class Published:
    """What became of one table. `rows` is what it holds now."""

    table: str
    rows: int
    inserted: int
    updated: int
    unchanged: int
    deleted: int

    @property
    def changed(self) -> int:
        """Rows that were sent or deleted."""
        return self.inserted + self.updated + self.deleted


@dataclass
class _Work:
    """What is to be done to one table, and how far it is done."""

    table: PublishedTable
    wanted: dict[PublishedKey, PublishedRow]
    held: dict[PublishedKey, PublishedRow]
    upserts: list[PublishedRow] = field(init=False)
    deletes: list[PublishedKey] = field(init=False)
    sent: int = 0
    deleted: int = 0

    def __post_init__(self) -> None:
        self.upserts = [row for key, row in self.wanted.items() if self.held.get(key) != row]
        self.deletes = [key for key in self.held if key not in self.wanted]

    @property
    def size(self) -> int:
        return len(self.upserts) + len(self.deletes)

    @property
    def done(self) -> int:
        return self.sent + self.deleted

    def result(self) -> Published:
        inserted = sum(self.table.key_of(row) not in self.held for row in self.upserts)
        updated = len(self.upserts) - inserted
        unchanged = len(self.wanted) - len(self.upserts)
        return Published(self.table.name, len(self.wanted), inserted, updated, unchanged, len(self.deletes))


def configured_project(settings: SourceSettings) -> SupabaseProject:
    """The project to publish to. Raises ConfigurationError that names what is not set."""
    project = settings.supabase
    if project is not None and project.publish_key:
        return project
    missing = ["SUPABASE_PUBLISH_KEY"] if project else ["SUPABASE_URL", "SUPABASE_PUBLISH_KEY"]
    raise ConfigurationError(
        f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not set",
        "Nothing was published",
        "Set them in the environment or in .env; docs/supabase.sql says how to make the tables and the key",
    )


def publish_to_supabase(
    postgres: Postgres, project: SupabaseProject, *, patience: timedelta, progress: Progress = silent
) -> list[Published]:
    """Make the project's tables equal to the store's views. Returns what was done, a table at a time.

    Raises ConfigurationError where there is nothing to publish, SourceDenied where the project refuses the key, a
    table or a row, and Unreachable. What was done by then stays, and the error says how much it is.
    """
    with read_only_store(postgres, purpose="publish-supabase") as connection, advisory_lock(connection, _LOCK):
        wanted = _latest_values(connection)
        work: list[_Work] = []

        def tell(waiting: str = "") -> None:
            progress("publish", sum(one.done for one in work), sum(one.size for one in work) or None, waiting=waiting)

        with _told_how_far(work), open_target(project, patience, tell) as target:
            work += [_Work(table, rows, target.held(table)) for table, rows in wanted.items()]
            _carry_out(work, target, tell)
    return [one.result() for one in work]


def _latest_values(connection: psycopg.Connection) -> dict[PublishedTable, dict[PublishedKey, PublishedRow]]:
    """The rows of the three views as of one instant."""
    connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
    with connection.transaction():
        refreshed = connection.execute("select from features.watermark").fetchone()
        found = {table: _rows(connection, table) for table in TABLES}
    connection.isolation_level, connection.read_only = None, None
    if refreshed is None:
        raise ConfigurationError(
            "There is nothing to publish: this store was never refreshed", "Nothing was published", "Run `pikkit run`"
        )
    return found


def _rows(connection: psycopg.Connection, table: PublishedTable) -> dict[PublishedKey, PublishedRow]:
    query = sql.SQL(statement("latest_values")).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        view=sql.Identifier("features", table.name),
        key=sql.SQL(", ").join(map(sql.Identifier, table.key)),
    )
    return {table.key_of(row): from_store(row) for row in connection.execute(query)}


def _carry_out(work: Sequence[_Work], target: SupabaseTarget, tell: Callable[[], None]) -> None:
    for one in work:
        for start in range(0, len(one.upserts), ROWS_PER_UPSERT):
            batch = one.upserts[start : start + ROWS_PER_UPSERT]
            target.upsert(one.table, batch)
            one.sent += len(batch)
            tell()
    for one in work:
        for keys in target.batches(one.table, one.deletes):
            target.delete(one.table, keys)
            one.deleted += len(keys)
            tell()


@contextmanager
def _told_how_far(work: Sequence[_Work]) -> Iterator[None]:
    """An error that ends the work says how far it is done."""
    try:
        yield
    except PikkitError as error:
        error.state = _so_far(work)
        raise


def _so_far(work: Sequence[_Work]) -> str:
    if not any(one.done for one in work):
        return "Nothing was published"
    told = (
        f"\n  {one.table.name}: {one.sent:,} of {len(one.upserts):,} rows sent, "
        f"{one.deleted:,} of {len(one.deletes):,} deleted"
        for one in work
    )
    return "What was published stays, and the next run sends the rest:" + "".join(told) + "\n"
