"""Refused rows, and what becomes of them: looked at, tried again under the schema of today, or dismissed (R9).

open ─┬─ retry ────> accepted     a version of the log, known from then on (ingestion/quarantine/retry.py)
      ├─ a sync ───> superseded   a sound version came since, or the bet vanished
      └─ dismiss ──> dismissed    with a note; `reopen` takes it back
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from feature_repo import clock
from feature_repo.errors import ConfigurationError
from feature_repo.servers.connections import Connections
from ingestion.database.access import commit, statement

# A row may have 16 MiB.
_ROWS_AT_ONCE: Final = 20

QuarantineState = Literal["open", "accepted", "superseded", "dismissed"]


@dataclass(frozen=True)
class Selection:
    """Which refused rows: those with all of these properties; null asks for any. Times are half-open, of received_at.

    Rows named by `seqs` are meant in whatever state they are.
    """

    seqs: tuple[int, ...] = ()
    state: QuarantineState | None = "open"
    reason: str | None = None
    id: str | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the state is asked for."""
        return bool(self.seqs) or any((self.reason, self.id, self.source, self.since, self.until))

    def params(self) -> dict[str, object]:
        """What `quarantine_selected.sql` asks for."""
        named = {"seqs": list(self.seqs) or None, "state": None if self.seqs else self.state}
        return {**vars(self), **named}


@dataclass(frozen=True)
class RefusedRow:
    """A refused row, and what became of it."""

    seq: int
    id: str | None
    received_at: datetime
    source: str
    run_id: UUID
    state: QuarantineState
    reasons: list[str]
    payload: str
    settled_by: int | None
    settled_at: datetime | None
    note: str | None


@dataclass(frozen=True)
class Listing:
    """The newest of the selected rows, how many there are, and how many have each reason."""

    rows: list[RefusedRow]
    count: int
    reasons: dict[str, int]


# ---- looking --------------------------------------------------------------------------------------------------------


def listing(connection: psycopg.Connection, selection: Selection, *, limit: int | None = None) -> Listing:
    """The selected rows, newest first. Raises ConfigurationError when one that is named does not exist."""
    count, reasons, _ = summary(connection, selection)
    return Listing(_selected(connection, limit), count, reasons)


def summary(connection: psycopg.Connection, selection: Selection) -> tuple[int, dict[str, int], Iterator[RefusedRow]]:
    """How many rows are selected, how many have each reason, and the rows, newest first, as they arrive: memory does
    not follow their number. Raises as `listing` does.
    """
    count = select(connection, selection)
    reasons: dict[str, int] = dict(connection.execute(statement("quarantine_reasons")).fetchall())
    return count, reasons, _arriving(connection)


def _arriving(connection: psycopg.Connection) -> Iterator[RefusedRow]:
    with connection.cursor("refused", row_factory=class_row(RefusedRow)) as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        yield from cursor.execute(statement("quarantine_rows"), {"limit": None})


def values_of(payload: str) -> list[tuple[str, str]]:
    """The names and values of a payload, each value spelled as it was sent; nothing for what is no JSON object."""
    decoder, members = json.JSONDecoder(), list[tuple[str, str]]()
    position = _past_space(payload, 0)
    if payload[position : position + 1] != "{":
        return []
    position = _past_space(payload, position + 1)
    while payload[position] != "}":
        name, position = decoder.raw_decode(payload, position)
        start = _past_space(payload, _past_space(payload, position) + 1)
        _, position = decoder.raw_decode(payload, start)
        members.append((name, payload[start:position]))
        position = _past_space(payload, position)
        position = _past_space(payload, position + (payload[position] == ","))
    return members


def _past_space(text: str, position: int) -> int:
    while text[position : position + 1] in tuple(" \t\r\n"):
        position += 1
    return position


def select(connection: psycopg.Connection, selection: Selection) -> int:
    """Put the selected rows into pg_temp.selected. Returns how many; raises ConfigurationError when a named one is not
    there.
    """
    params = selection.params()
    selected = connection.execute(statement("quarantine_selected"), params).rowcount
    if missing := connection.execute(statement("quarantine_missing"), params).fetchall():
        raise ConfigurationError(
            f"The quarantine has no row {', '.join(str(seq) for (seq,) in missing)}",
            "Nothing was changed",
            "`pikkit quarantine list --state all` shows which there are",
        )
    return selected


def select_in(connection: psycopg.Connection, selection: Selection, state: QuarantineState) -> int:
    """The same for rows in this state. Raises ConfigurationError too when a named one is in another."""
    selected = select(connection, replace(selection, state=state))
    if selection.seqs and (in_other_states := [row for row in _selected(connection) if row.state != state]):
        raise ConfigurationError(
            f"Not {state}: " + ", ".join(f"row {row.seq} ({row.state})" for row in in_other_states),
            "Nothing was changed",
            "Leave them out; `pikkit quarantine show` tells what became of a row",
        )
    return selected


def _selected(connection: psycopg.Connection, limit: int | None = None) -> list[RefusedRow]:
    with connection.cursor(row_factory=class_row(RefusedRow)) as cursor:
        return cursor.execute(statement("quarantine_rows"), {"limit": limit}).fetchall()


# ---- dismissing ------------------------------------------------------------------------------------------------------


def dismiss_quarantined(connections: Connections, selection: Selection, *, note: str, everything: bool = False) -> int:
    """Dismiss the selected open rows, for the reason in `note`. Returns how many that were.

    Raises ConfigurationError when the filters leave out none of several open rows and `everything` does not say so.
    """
    from ingestion.database.locked_store import locked_store  # which lists need not load

    with locked_store(connections, "quarantine dismiss") as connection:
        selected = select_in(connection, selection, "open")
        if not everything and not selection.seqs and 1 < selected == _open(connection):
            raise ConfigurationError(
                f"These filters select all {selected:,} open rows",
                "Nothing was changed",
                "Give --all if they are meant",
            )
        connection.execute(statement("quarantine_dismiss"), {"note": note, "now": clock.now()})
        commit(connection)
        return selected


def reopen(connections: Connections, selection: Selection) -> dict[str, int]:
    """Take dismissals back. Returns how many rows are in which state now: superseded those of whose bet a sound version
    came since, or that vanished.
    """
    from ingestion.database.locked_store import locked_store  # which lists need not load

    with locked_store(connections, "quarantine dismiss") as connection:
        select_in(connection, selection, "dismissed")
        states = [state for (state,) in connection.execute(statement("quarantine_reopen"), {"now": clock.now()})]
        commit(connection)
        return {state: states.count(state) for state in ("open", "superseded")}


def _open(connection: psycopg.Connection) -> int:
    row = connection.execute(statement("quarantine_open")).fetchone()
    return int(row[0]) if row else 0
