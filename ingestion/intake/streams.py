"""What the store remembers of a stream (ops.sync_state), and what must hold before a sync of it counts.

A source that lost columns or rows gives no error: its rows would be read with nulls, or as no change at all. So before
a table is read its columns are compared with those that it had, and the number of rows that it shows with that of the
last good sync. A file is compared once its rows have been read, in the same transaction.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Final

import psycopg
from psycopg.rows import dict_row

from feature_repo.errors import ColumnsVanished, ConfigurationError, LateFirstLoad, SourceShrank
from feature_repo.near_names import LIKENESS, nearest_names
from ingestion.database.access import statement
from ingestion.intake.counts import IntakeCounts, StreamChanges
from ingestion.intake.request import SyncRequest, TableRows
from ingestion.runs.alerts import resolve_alerts
from ingestion.runs.record import Run
from quality.schema import BET_COLUMNS, REQUIRED_COLUMNS

# From so many versions on a new source is a history, whose times are lost when it comes late. Fewer are stragglers.
FEWEST_OF_A_HISTORY: Final = 100
# How the cause of the alert begins that the table of a stream shows too few rows.
ROWS_SHOWN: Final = "rows shown by "


@dataclass(frozen=True)
class StreamState:
    """A stream as its last sync left it.

    `cursor` is the newest stamp that was read. `columns` are the columns of a bet that it had, null where no sync has
    recorded them; `without_columns` those that it had once and may lack. `row_count` is how many rows the table showed
    at its last whole sync that could count them; null before, and for a file.
    """

    cursor: datetime | None = None
    columns: Sequence[str] | None = None
    without_columns: Sequence[str] = ()
    row_count: int | None = None

    def has_shrunk(self, shown: int) -> bool:
        """Whether so many rows are too few: none where there may be some, or under half of those of the last time."""
        if shown == 0:
            return self.row_count != 0
        return self.row_count is not None and 2 * shown < self.row_count


def stream_state(connection: psycopg.Connection, stream: str) -> StreamState:
    """The state of one stream; nothing but nulls before its first sync."""
    return stream_states(connection).get(stream, StreamState())


def stream_states(connection: psycopg.Connection) -> dict[str, StreamState]:
    """The state of every stream, by its name."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return {row.pop("stream"): StreamState(**row) for row in cursor.execute(statement("stream_states"))}


def optional_columns(names: Collection[str]) -> frozenset[str]:
    """These names, of columns that a source may lack. Raises ConfigurationError when one is none."""
    optional = [name for name in BET_COLUMNS if name not in REQUIRED_COLUMNS]
    if wrong := [name for name in names if name not in optional]:
        nearest = [near for name in wrong for near in nearest_names(name, optional, most=1)]
        raise ConfigurationError(
            f"--without {', '.join(wrong)}: no column that a source may lack",
            "Nothing was done",
            (f"Did you mean {', '.join(nearest)}? " if nearest else "")
            + f"Give one name each time, of: {', '.join(optional)}",
        )
    return frozenset(names)


def check_table(state: StreamState, table: TableRows, request: SyncRequest) -> int | None:
    """How many rows the table shows in all, before any of them is read; null where that is not known or not asked.

    Raises ColumnsVanished, and SourceShrank unless the request believes in deletes.
    """
    check_columns(state, table.name, table.columns, table.unknown_columns, request.without)
    shown = None if table.is_partial else table.total()
    if shown is not None and state.has_shrunk(shown) and not request.believes_deletes:
        raise _shrunk(state, table.name, shown)
    return shown


def check_columns(
    state: StreamState, stream: str, columns: Collection[str], unknown: Sequence[str], without: Collection[str]
) -> None:
    """Raise ColumnsVanished when one that the stream had is not among its `columns`, nor accepted in `without`."""
    vanished = [name for name in state.columns or () if name not in columns and name not in without]
    if vanished:
        also_there = {name: _alike(name, unknown) for name in vanished}
        renamed = [f"{name} may be {other} now, which is not read" for name, other in also_there.items() if other]
        hint = f" ({'; '.join(renamed)})" if renamed else ""
        raise ColumnsVanished(
            f"{stream} has no {' and no '.join(vanished)} any more, which its last sync found there{hint}",
            "Nothing was changed. Without it every row that is read would lose what is known of it",
            "Give the column its name back, or read a view that does. If the source is to be without it from now on, "
            f"once: `pikkit sync {' '.join(f'--without {name}' for name in vanished)}`",
            columns=tuple(vanished),
        )


def check_intake(
    state: StreamState, stream: str, counts: IntakeCounts, request: SyncRequest, shown: int | None
) -> None:
    """Raise what only a load can tell, before it is committed: SourceShrank, LateFirstLoad.

    `state` is the stream before the load, `shown` what `check_table` returned.
    """
    is_whole_table = counts.is_table and not counts.is_partial
    is_uncounted_and_empty = is_whole_table and shown is None and not counts.rows_read
    if is_uncounted_and_empty and state.has_shrunk(0) and not request.believes_deletes:
        raise _shrunk(state, stream, None)
    watermark, newest = counts.log_watermark, counts.newest_accepted
    if request.late or not counts.is_new_source or watermark is None or newest is None or newest > watermark:
        return
    if counts.accepted < FEWEST_OF_A_HISTORY:
        return
    raise LateFirstLoad(
        f"{stream} is new to this store, which holds none of its bets, and all of it is older than what the store "
        f"knows already: its newest row is of {_text(newest)}, the watermark of log and features {_text(watermark)}",
        f"Nothing was changed. Its {counts.accepted:,} rows would all count from just past the watermark, as if "
        "they had become known only then",
        "To keep their own times load them into a store of their own (PIKKIT_HOME=<new directory>). To have them in "
        "this one nevertheless: --late",
        watermark=watermark,
        newest=newest,
    )


def record_stream(
    connection: psycopg.Connection,
    run: Run,
    stream: str,
    state: StreamState,
    *,
    columns: Collection[str],
    without: Collection[str],
    shown: int | None,
) -> StreamChanges:
    """Keep what a good sync saw of the stream, clear its alert, and return how that differs from `state`, the stream
    before it.
    """
    before = frozenset(columns if state.columns is None else state.columns)
    lacking = (frozenset(state.without_columns) | frozenset(without)) - frozenset(columns)
    kept = {"columns": _in_order(columns), "without_columns": _in_order(lacking), "row_count": shown}
    connection.execute(statement("record_stream"), {"stream": stream, **kept})
    if shown is not None:
        # A table that was configured before, or by mistake, is read no more either.
        resolve_alerts(connection, ROWS_SHOWN, now=run.now)
    return StreamChanges(
        shown=shown,
        vanished_columns=_in_order(before - frozenset(columns)),
        new_columns=_in_order(frozenset(columns) - before),
        without_but_there=_in_order(frozenset(without) & frozenset(columns)),
        cursor_before=state.cursor,
        cursor_after=stream_state(connection, stream).cursor,
    )


def _shrunk(state: StreamState, stream: str, shown: int | None) -> SourceShrank:
    before = state.row_count
    gone = None if shown is None else max(before - shown, 0) if before is not None else None
    if shown is None:
        what = f"{stream} shows not even the row that its last sync ended with, and has no time to count the others"
        believe = "If rows were deleted, name the most that may be gone"
    elif before is None and state.cursor is None:
        what = f"{stream} shows no row at all"
        believe = "A table that is empty needs no sync before its first row; to have it counted as empty"
        gone = 0
    elif before is None:
        what = f"{stream} shows no row any more, not even the one that the last sync ended with"
        believe = "If its rows were deleted"
    else:
        what = f"{stream} showed {before:,} rows at the last sync, and shows {shown:,} now"
        believe = "If the others were deleted"
    return SourceShrank(
        what,
        "Nothing was changed, and the features were not confirmed",
        "Look whether the key or role sees every row (row level security, `pikkit doctor`) and whether this is the "
        f"right table. {believe}: {reconcile_command(stream, gone)}"
        + (
            ", where N is how many bets may be gone; fewer than are gone are refused with their number"
            if gone is None
            else ""
        ),
        shown=shown,
        before=before,
    )


def reconcile_command(stream: str, most_deletes: int | None, include_streams: Sequence[str] = ()) -> str:
    """The command that believes so many deletes of this table, ready to be pasted; null: a number to be put in."""
    command = ["pikkit", "reconcile", "--source", stream.partition(":")[0]]
    command += ["--most-deletes", "N" if most_deletes is None else str(most_deletes)]
    return shlex.join(command + [f"--include-stream={pattern}" for pattern in include_streams])


def _alike(name: str, unknown: Sequence[str]) -> str | None:
    plain = {other.lower().replace("_", ""): other for other in unknown}
    nearest = get_close_matches(name.replace("_", ""), plain, n=1, cutoff=LIKENESS)
    return plain[nearest[0]] if nearest else None


def _in_order(columns: Collection[str]) -> list[str]:
    return [name for name in BET_COLUMNS if name in columns]


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
