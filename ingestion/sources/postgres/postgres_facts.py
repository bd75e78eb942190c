"""What a Postgres says of the table that bets are read from: its columns, and what our role may do there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from ingestion.database.access import statement
from ingestion.sources.postgres.postgres_columns import Columns, PostgresColumn, column_problems, sort_columns
from ingestion.sources.settings import SourcePostgres


@dataclass(frozen=True)
class Facts:
    """A table or view as its server sees it. `clock` is the server's, as it answered.

    `is_filtered`: row level security applies to our role; then `has_policy`: one lets rows through, `sees_every_row`:
    one lets every row through. `writes`: what our role may do beside reading. `has_index`: one leads with updated_at.
    `has_unique_id`: an index lets no id repeat. `has_update_trigger`: something runs before each row that is updated.
    """

    role: str
    version: str
    clock: datetime
    kind: str
    is_filtered: bool
    has_policy: bool
    sees_every_row: bool
    writes: list[str]
    has_index: bool
    has_unique_id: bool
    has_update_trigger: bool

    @property
    def is_view(self) -> bool:
        """Whether indexes and rights are those of other tables."""
        return self.kind == "v"

    @property
    def is_table(self) -> bool:
        """Whether it is a table of this database, partitioned or not, and no view or foreign table."""
        return self.kind in ("r", "p")

    @property
    def is_lockable(self) -> bool:
        """Whether LOCK TABLE takes it: a table, partitioned or not, or a view."""
        return self.kind in ("r", "p", "v")


def look_at(connection: psycopg.Connection, source: SourcePostgres) -> tuple[Facts | None, Columns]:
    """The facts (null: there is no such table) and the columns."""
    named = {"schema": source.schema, "table": source.table}
    with connection.cursor(row_factory=class_row(Facts)) as cursor:
        facts = cursor.execute(statement("source_table"), named).fetchone()
    with connection.cursor(row_factory=class_row(PostgresColumn)) as cursor:
        columns = cursor.execute(statement("source_columns"), named).fetchall()
    return facts, sort_columns(columns, source.user_column)


def obstacles(facts: Facts | None, columns: Columns) -> list[str]:
    """Everything that keeps the rows from being read as bets."""
    if facts is None:
        return ["there is no such table"]
    hidden = facts.is_filtered and not facts.has_policy
    why = f"row level security hides every row from the role {facts.role}, for which no policy is there"
    return column_problems(columns) + ([why] if hidden else [])
