"""A table of bets in Postgres itself, read by COPY: for a first load of millions of rows, and for what changed since.

One `reading()` is one connection and one snapshot: what it counts is what it then reads. A connection that is lost in
the middle of the rows starts them anew, from a newer snapshot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import polars as pl
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from feature_repo.postgres.copy import copy_out, copy_pages
from ingestion.database.access import statement
from ingestion.progress import Progress, silent
from ingestion.sources.digests import row_digest
from ingestion.sources.page import Page
from ingestion.sources.postgres.postgres_columns import Columns
from ingestion.sources.postgres.postgres_facts import look_at, obstacles
from ingestion.sources.postgres.postgres_session import Session, denied
from ingestion.sources.settings import SourcePostgres
from ingestion.sources.table import DIGESTS_SCHEMA, KEYS_SCHEMA, StampWindow

POSTGRES_PAGE_ROWS: Final = 50_000
# A sport that is null, spelled as in keys (feature_repo/group_keys.py).
NULL: Final = r"\N"
# By which type ids are compared, where an index serves that; all others are compared as text.
_ID_KINDS: Final = {
    **dict.fromkeys(("text", "varchar"), "text"),
    **dict.fromkeys(("int2", "int4", "int8"), "int8"),
    "uuid": "uuid",
}
_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EVERY_SPORT: Final = {"any_sport": True, "sport": None}
_UNSTAMPED: Final = {"everything": False, "since": "infinity", "until": "infinity", "unstamped": True, **_EVERY_SPORT}


@dataclass(frozen=True)
class PostgresTable:
    """A table of bets in a Postgres, found readable. See sources/table.py."""

    name: str
    source: SourcePostgres
    columns: Columns
    # Postgres locks these; other kinds (a foreign table, a materialized view) are read as they are.
    is_lockable: bool
    has_unique_id: bool
    patience: timedelta
    progress: Progress = field(repr=False, compare=False)

    @contextmanager
    def reading(self) -> Iterator[PostgresReading]:
        """See SourceTable."""
        table = sql.Identifier(self.source.schema, self.source.table) if self.is_lockable else None
        with open_source_session(self.source, self.patience, self.progress, locked=table) as session:
            yield PostgresReading(session, self.source, self.columns, has_unique_id=self.has_unique_id)


def open_postgres(source: SourcePostgres, patience: timedelta, progress: Progress = silent) -> PostgresTable:
    """The table that the settings name. Raises SourceDenied when it cannot be read as bets, and Unreachable."""
    with open_source_session(source, patience, progress) as session:
        facts, columns = session.ask(lambda connection: look_at(connection, source))
        if wrong := obstacles(facts, columns):
            raise denied(f"{session.name} cannot be read as bets: {'; '.join(wrong)}")
        # The catalogue knows rights on tables and columns, not those beneath a view.
        PostgresReading(session, source, columns).check()
    is_lockable, has_unique_id = (False, False) if facts is None else (facts.is_lockable, facts.has_unique_id)
    return PostgresTable(session.name, source, columns, is_lockable, has_unique_id, patience, progress)


@contextmanager
def open_source_session(
    source: SourcePostgres, patience: timedelta, progress: Progress, *, locked: sql.Identifier | None = None
) -> Iterator[Session]:
    """A connection to the source, made when something is asked. Closed at the end."""
    session = Session(source.conninfo, stream_name(source), patience, progress, locked)
    try:
        yield session
    finally:
        session.close()


def stream_name(source: SourcePostgres) -> str:
    """The table's name, without user and password. Raises SourceDenied where a password is not told from a host."""
    parts = conninfo_to_dict(source.conninfo)
    host, port = str(parts.get("host") or parts.get("hostaddr") or "localhost"), str(parts.get("port") or 5432)
    if "@" in host or not port.replace(",", "").isdigit():
        raise denied("SOURCE_POSTGRES_URL: a character of the password must be percent-encoded (@ as %40, / as %2F)")
    return f"postgres:{host}:{port}/{parts.get('dbname') or parts.get('user') or ''}/{source.schema}.{source.table}"


class PostgresReading:
    """An open connection to a table of bets. See sources/table.py. `has_unique_id`: an index says that none repeats."""

    def __init__(
        self, session: Session, source: SourcePostgres, columns: Columns, *, has_unique_id: bool = False
    ) -> None:
        self._session, self._columns, self._has_unique_id = session, columns, has_unique_id
        self._table = sql.Identifier(source.schema, source.table)

    @property
    def columns(self) -> tuple[str, ...]:
        """See TableReader."""
        return tuple(column.name for column in self._columns.known)

    @property
    def unknown_columns(self) -> tuple[str, ...]:
        """See TableReader."""
        return self._columns.unknown

    def total(self) -> int | None:
        """See TableReader."""
        query = self._statement("source_count", sql.SQL("true"))

        def counted(connection: psycopg.Connection) -> int | None:
            try:
                with connection.transaction():
                    (row,) = connection.execute(query).fetchall()
            except psycopg.errors.QueryCanceled:
                return None
            return int(row[0])

        return self._session.ask(counted)

    def count(self, window: StampWindow) -> int:
        """See TableReader."""
        query = self._statement("source_count", self._in_window())
        (row,) = self._session.ask(lambda connection: connection.execute(query, _params(window)).fetchall())
        return int(row[0])

    def pages(self, window: StampWindow) -> Iterator[Page]:
        """See TableReader. At most PAGE_SIZE rows each, in no order."""
        return self._pages(self._in_window(), _params(window))

    def pages_of(self, ids: Sequence[str]) -> Iterator[Page]:
        """See TableReader."""
        for some in _batches(_fitting(ids, self._columns.id_type), POSTGRES_PAGE_ROWS):
            yield from self._pages(self._among(), {"ids": some})

    def repeated_among(self, ids: Sequence[str]) -> set[str]:
        """See TableReader."""
        return self._repeated(self._among(), {"ids": _fitting(ids, self._columns.id_type)})

    def count_repeated(self) -> int:
        """How many ids more than one row has."""
        return len(self._repeated(sql.SQL("true"), {}))

    def digests(self) -> pl.DataFrame:
        """See TableReader."""
        keys: sql.Composable = self._statement("source_keys", sql.SQL("true"))
        if not self._has_unique_id:
            keys = sql.SQL(statement("source_newest_keys")).format(keys=keys)
        query = sql.SQL(statement("day_digests")).format(keyed=sql.SQL("({})").format(keys))
        return self._session.ask(lambda connection: copy_out(connection, query, None, DIGESTS_SCHEMA))

    def keys(self, day: date | None) -> pl.DataFrame:
        """See TableReader."""
        query = self._statement("source_keys", self._in_window())
        params = _UNSTAMPED if day is None else _params(_window_of(day))
        return self._session.ask(lambda connection: copy_out(connection, query, params, KEYS_SCHEMA))

    def check(self) -> None:
        """Ask for no rows at all. Raises SourceDenied where rights are missing that the catalogue does not know."""
        query = self._rows(self._among())
        self._session.ask(lambda connection: connection.execute(query, {"ids": []}).fetchall())

    def _pages(self, condition: sql.Composable, params: Mapping[str, object]) -> Iterator[Page]:
        query, wire = self._rows(condition), self._columns.wire

        def read(connection: psycopg.Connection) -> Iterator[Page]:
            for number, frame in enumerate(copy_pages(connection, query, params, wire, rows=POSTGRES_PAGE_ROWS)):
                yield self._columns.page(frame, is_first=number == 0)

        return self._session.stream(read)

    def _repeated(self, condition: sql.Composable, params: Mapping[str, object]) -> set[str]:
        """The ids that repeat among the rows that fulfil a condition."""
        if self._has_unique_id:
            return set()
        query = self._statement("source_repeated_ids", condition)
        rows = self._session.ask(lambda connection: connection.execute(query, params).fetchall())
        return {identifier for (identifier,) in rows}

    def _rows(self, condition: sql.Composable) -> sql.Composed:
        return self._statement("source_rows", condition)

    def _statement(self, name: str, condition: sql.Composable) -> sql.Composed:
        return sql.SQL(statement(name)).format(
            table=self._table,
            values=self._columns.values,
            known=self._columns.names,
            stamp=self._part("source_stamp"),
            digest=row_digest(sql.SQL("row_to_json(known)::text")),
            condition=condition,
        )

    def _in_window(self) -> sql.Composed:
        return self._part("source_window")

    def _part(self, name: str) -> sql.Composed:
        has_created_at = self._columns.has("created_at")
        return sql.SQL(statement(name)).format(
            created_at=sql.SQL("bet.created_at" if has_created_at else "null::timestamptz"),
            created_type=self._columns.type_of("created_at"),
            updated_type=self._columns.type_of("updated_at"),
        )

    def _among(self) -> sql.Composable:
        """The condition that the id is among `ids`, in a form that an index on it serves."""
        kind = _ID_KINDS.get(self._columns.id_type, "text")
        ids = sql.SQL("bet.id" if self._columns.id_type in _ID_KINDS else "bet.id::text")
        return sql.SQL("{} = any (%(ids)s::{}[])").format(ids, sql.Identifier(kind))


def _params(window: StampWindow) -> dict[str, object]:
    since, until = (bound and bound.astimezone(UTC).isoformat() for bound in (window.since, window.until))
    return {
        "everything": since is None and until is None,
        "since": since or "-infinity",
        "until": until or "infinity",
        "unstamped": until is None,
        "any_sport": window.sport is None,
        "sport": None if window.sport == NULL else window.sport,
    }


def _window_of(day: date) -> StampWindow:
    midnight = datetime.combine(day, time(), UTC)
    return StampWindow(midnight, midnight + timedelta(days=1) if day < date.max else None)


def _fitting(ids: Sequence[str], id_type: str) -> list[str]:
    """Those that can be an id of this type, in the one spelling that it has. No other is in the table."""
    if _ID_KINDS.get(id_type) == "int8":
        return [text for text in ids if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63]
    if id_type == "uuid":
        return [text for text in ids if _UUID.fullmatch(text)]
    return [text for text in ids if "\0" not in text]


def _batches(items: Sequence[str], size: int) -> Iterator[list[str]]:
    return (list(items[start : start + size]) for start in range(0, len(items), size))
