"""The rows behind a verdict: a few of their bets, and why rows were refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import dict_row

from ingestion.database.access import statement
from quality.verdict import Verdict

# How many bets and reasons are named behind a verdict, and how long Postgres may look for them.
_EXAMPLES: Final = 3
_REASONS: Final = 5
_TIMEOUT: Final = "10s"


def with_rows_behind(connection: psycopg.Connection, verdict: Verdict) -> Verdict:
    """The verdict with ids of a few of its bets and, where its rows stand in quarantine, the reasons in its note.

    Without them where its query names none, or takes too long to wait for.
    """
    rows = _rows(connection, "gate_examples", query=verdict.query, limit=_EXAMPLES)
    ids = list(dict.fromkeys(str(row["id"]) for row in rows if row.get("id") is not None))
    if not rows or "reasons" not in rows[0]:
        return replace(verdict, examples=ids)
    reasons = _rows(connection, "gate_reasons", query=verdict.query)
    named = [f"{row['reason']} ({row['rows']:,})" for row in reasons[:_REASONS]]
    if len(reasons) > _REASONS:
        named.append(f"{len(reasons) - _REASONS} other reasons")
    note = f"{verdict.note}, for {', '.join(named)}" if verdict.note and named else verdict.note
    return replace(verdict, examples=ids, note=note)


def _rows(connection: psycopg.Connection, name: LiteralString, **parts: Any) -> list[dict[str, Any]]:
    query = statement(name).format(**parts).encode()
    try:
        with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute("select set_config('statement_timeout', %s, true)", [_TIMEOUT])
            rows = cursor.execute(query).fetchall()
            cursor.execute("select set_config('statement_timeout', '0', true)")
    except psycopg.errors.QueryCanceled:
        return []
    return rows
