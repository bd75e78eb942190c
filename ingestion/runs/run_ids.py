"""Runs by the beginnings of their ids: what is shown of an id, and which run somebody means who gives a part of one.

Ids sort by the time at which a run began, and 8 characters of one stand for about a minute. Of runs that began within
the same minute more is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

import psycopg

from feature_repo.errors import RunUnknown
from ingestion.database.access import statement

_DIGITS: Final = 32
# Runs that an error names.
_NAMED: Final = 5


def short_run_ids(connection: psycopg.Connection, run_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The shortest beginning of each id that means this run alone: 8 characters, or more."""
    rows = connection.execute(statement("short_run_ids"), {"run_ids": list(run_ids)}).fetchall()
    return dict(rows)


def find_run(connection: psycopg.Connection, text: str) -> UUID:
    """The run whose id is, or begins with, this text, with or without dashes. Raises RunUnknown unless there is one."""
    digits = text.strip().lower().replace("-", "")
    try:
        lowest, highest = (UUID(digits.ljust(_DIGITS, filler)) for filler in "0f")
    except ValueError:
        raise _unknown(connection, f"{text!r} is not the id of a run") from None
    found = _runs_between(connection, lowest, highest)
    if not digits or not found:
        raise _unknown(connection, f"No run has an id that begins with {text!r}")
    if len(found) > 1:
        raise RunUnknown(
            f"{text!r} may mean any of several runs: {_named(connection, found)}",
            "Nothing was done",
            "Give more of the id",
            candidates=[run_id for run_id, *_ in found],
        )
    return found[0][0]


def _unknown(connection: psycopg.Connection, what: str) -> RunUnknown:
    last = _runs_between(connection, UUID(int=0), UUID(int=2**128 - 1))
    told = f"the last runs are {_named(connection, last)}" if last else "nothing ran yet"
    return RunUnknown(
        f"{what}; {told}", "Nothing was done", "`pikkit runs` lists them", candidates=[run_id for run_id, *_ in last]
    )


def _runs_between(connection: psycopg.Connection, lowest: UUID, highest: UUID) -> list[tuple[UUID, str, str]]:
    params = {"lowest": lowest, "highest": highest, "limit": _NAMED}
    rows = connection.execute(statement("runs_of_id"), params).fetchall()
    return [(run_id, verb, f"{started_at:%Y-%m-%dT%H:%M:%SZ}") for run_id, verb, started_at in rows]


def _named(connection: psycopg.Connection, runs: Iterable[tuple[UUID, str, str]]) -> str:
    runs = list(runs)
    short = short_run_ids(connection, [run_id for run_id, *_ in runs])
    return ", ".join(f"{short[run_id]} ({verb}, {started})" for run_id, verb, started in runs)
