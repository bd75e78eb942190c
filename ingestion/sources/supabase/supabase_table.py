"""The table of bets of a Supabase project, found readable over its REST API: what it has, and how it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from feature_repo.errors import ConfigurationError, SourceDenied
from ingestion.progress import Progress
from ingestion.sources.settings import SupabaseProject
from ingestion.sources.supabase.rest import NO_COLUMN, NO_RIGHT, ProjectDenied, Rest, opened
from ingestion.sources.supabase.span_reader import select_rows
from ingestion.sources.supabase.supabase_reading import SupabaseReading
from quality.schema import BET_COLUMNS, REQUIRED_COLUMNS


@dataclass(frozen=True)
class SupabaseTable:
    """A table that was found readable: which of our columns it has, and which others."""

    project: SupabaseProject
    columns: tuple[str, ...]
    unknown_columns: tuple[str, ...]
    patience: timedelta
    progress: Progress
    #: Whether it has the column that says whose a bet is.
    has_user_column: bool = False

    @property
    def name(self) -> str:
        """The stream that sync_state keeps its place under."""
        return self.project.stream

    @contextmanager
    def reading(self) -> Iterator[SupabaseReading]:
        """A client of its own, closed at the end."""
        rows_read = 0

        def note_rows(rows: int) -> None:
            nonlocal rows_read
            rows_read += rows

        def tell_wait(waiting: str) -> None:
            self.progress("read", rows_read, None, waiting=waiting)

        with opened(self.project, self.project.key, self.patience, tell_wait) as rest:
            user = self.project.user_column if self.has_user_column else None
            yield SupabaseReading(rest, self.name, self.columns, self.unknown_columns, note_rows, user)


def open_supabase(project: SupabaseProject, patience: timedelta, progress: Progress) -> SupabaseTable:
    """The project's table of bets. Raises SourceDenied if it cannot be read with this key, or is no table of bets."""
    if not project.key:
        raise ConfigurationError(
            f"There is no key to read {project.host} with",
            "Nothing was read",
            "Set SUPABASE_KEY in the environment or .env",
        )

    def waits(waiting: str) -> None:
        progress("read", 0, None, waiting=waiting)

    with opened(project, project.key, patience, waits) as rest:
        columns = _columns(rest, project.user_column)
    table = SupabaseTable(
        project,
        tuple(name for name in BET_COLUMNS if name in columns),
        tuple(name for name in columns if name not in (*BET_COLUMNS, project.user_column)),
        patience,
        progress,
        project.user_column in columns and project.user_column not in BET_COLUMNS,
    )
    if missing := [name for name in REQUIRED_COLUMNS if name not in columns]:
        raise SourceDenied(
            f"{table.name} lacks the columns {', '.join(missing)}",
            "Nothing was read",
            "Give the table of bets in SUPABASE_TABLE, or a view of it with these columns",
        )
    return table


def _columns(rest: Rest, user_column: str) -> list[str]:
    """The columns of the table, as far as the key may read them: by a row of it, or by asking where it has none."""
    try:
        rows = rest.rows(lambda: select_rows(rest, "*").limit(1))
    except ProjectDenied as refusal:
        # It may be allowed some of the columns only.
        if refusal.code != NO_RIGHT or not _has(rest, "id"):
            raise
        return _readable(rest, user_column)
    return list(rows.records[0]) if rows.records else _readable(rest, user_column)


def _readable(rest: Rest, user_column: str) -> list[str]:
    all_of_them = list(BET_COLUMNS) if _has(rest, *BET_COLUMNS) else []
    ours = all_of_them or [name for name in BET_COLUMNS if _has(rest, name)]
    return [*ours, user_column] if _has(rest, user_column) else ours


def _has(rest: Rest, *columns: str) -> bool:
    try:
        rest.rows(lambda: select_rows(rest, *columns).limit(1))
    except ProjectDenied as refusal:
        if refusal.code in (NO_COLUMN, NO_RIGHT):
            return False
        raise
    return True
