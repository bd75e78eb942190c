"""Rows of a source into the store: raw, and beside it processed or quarantine. Part of the caller's transaction.

Nothing is lost: every row the source sent is in raw, and either typed in processed or in quarantine with its reasons
(R9). Reading the same rows again changes nothing.

A file says what was: it may hold many versions of a bet, and one older than what is known never counts. A table says
what is: whatever it shows of a bet is true now, also when it showed the same before. Where several of its rows have
one id, the one with the newest stamp is that bet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import polars as pl
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from feature_repo.postgres.copy import copy_in
from ingestion.database.access import statement
from ingestion.forgetting.keyed_digests import Forgotten
from ingestion.forgetting.user_column import DEFAULT_USER_COLUMN, UserColumn
from ingestion.intake.content_hash import content_hashes, text_digests
from ingestion.intake.counts import IntakeCounts
from ingestion.intake.row_source import RowsOfTable, RowSource
from ingestion.intake.tombstones import write_tombstones
from ingestion.progress import Progress, silent
from ingestion.sources.digests import row_digest
from ingestion.sources.page import Page
from quality.schema import ACCEPTED_SCHEMA, ValidationResult, validate

CONFLICT: Final = "updated_at: copies that differ under one updated_at"
# So many of the ids that came more than once are asked for again, to see whether they repeat in the table.
_IDS_LOOKED_AT: Final = 1000


def load_rows(
    connection: psycopg.Connection,
    source: RowSource,
    *,
    run_id: UUID,
    now: datetime,
    first_known_by: str = "updated_at",
    known_from: datetime | None = None,
    user_column: str = DEFAULT_USER_COLUMN,
    is_read_anew: bool = False,
    progress: Progress = silent,
) -> IntakeCounts:
    """Bring every row of the source into the store and return what became of them.

    `first_known_by` is the column that says when a row became known while the log is empty (setting KNOWN_AT_COLUMN).
    No version is known before `known_from`: rows that the store itself kept back count from when they were let in.
    What `user_column` says is kept as a keyed digest, and rows of bets and users that were forgotten are left out.
    `is_read_anew` says that a file is read by another format than the last time.
    """
    connection.execute(statement("incoming_table"))
    forgotten = Forgotten.of_store(connection)
    staged = _stage(connection, source, now, forgotten, UserColumn(user_column, forgotten.digests), progress)
    progress("store", 0, None)
    repeated_ids = _repeated_ids(connection, source)
    _select_unseen(connection, source, ids_repeat=repeated_ids > 0, is_read_anew=is_read_anew)
    connection.execute(
        statement("new_versions_table"),
        {"now": now, "first_known_by": first_known_by, "known_from": known_from, "is_table": source.is_table},
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        params = {"now": now, "stream": source.name, "first_known_by": first_known_by}
        (versions,) = cursor.execute(statement("intake_counts"), params).fetchall()
        versions["rows_read"] += staged.forgotten
        refusals = cursor.execute(statement("refusal_counts")).fetchall()
    _store_versions(connection, source, run_id=run_id, now=now, is_retry=known_from is not None)
    # A table says what is, so its delete holds though its row is broken. A row of a file waits in quarantine.
    broken_deletes = [bet for (bet,) in connection.execute(statement("broken_deletes"))] if source.is_table else []
    if broken_deletes:
        write_tombstones(connection, broken_deletes, source.name, run_id=run_id, now=now, is_gone=False)
    counts = IntakeCounts(
        **versions,
        **vars(staged),
        broken_deletes=len(broken_deletes),
        source_rows=source.row_count,
        reasons={row["reason"]: row["rows"] for row in refusals},
        repeated_ids=repeated_ids,
        is_table=source.is_table,
        is_partial=source.is_partial,
    )
    _record_sync_state(connection, source.name, counts, now)
    connection.execute(statement("drop_intake"))
    return counts


def _repeated_ids(connection: psycopg.Connection, source: RowSource) -> int:
    """How many ids repeat in the table: those that this batch shows, or what is known when it shows a part of them.

    A row that moved while a sync read comes twice as well. So ids that came twice are looked at in the table once more;
    of very many only the first, and if any of those repeats, all do.
    """
    if not isinstance(source, RowsOfTable):
        return 0
    known = connection.execute(statement("known_repeats"), {"stream": source.name}).fetchone()
    came_twice = [identifier for (identifier,) in connection.execute(statement("repeated_ids"))]
    repeated = len(source.repeated_among(came_twice[:_IDS_LOOKED_AT])) if came_twice else 0
    if repeated and len(came_twice) > _IDS_LOOKED_AT:
        repeated = len(came_twice)
    return repeated if source.is_everything or known is None else max(repeated, *known)


def _select_unseen(connection: psycopg.Connection, source: RowSource, *, ids_repeat: bool, is_read_anew: bool) -> None:
    """Put the rows of pg_temp.incoming that the log does not hold yet into pg_temp.unseen, as this kind of source says.

    Of a file, first refuse rows of one id that differ under one stamp: nobody can say which of them holds.
    """
    if source.is_table:
        _look_at_shown(connection, source, ids_repeat=ids_repeat)
        connection.execute(statement("unseen_of_a_table"))
    else:
        connection.execute(statement("refuse_conflicts"), {"reason": CONFLICT})
        connection.execute(statement("unseen_of_a_file"), {"source": source.name, "is_read_anew": is_read_anew})


def _store_versions(
    connection: psycopg.Connection, source: RowSource, *, run_id: UUID, now: datetime, is_retry: bool
) -> None:
    """Append pg_temp.new_versions to raw, and each to processed or quarantine; settle what they replace there."""
    batch = {"run_id": run_id, "source": source.name, "received_at": now}
    if source.is_table:
        connection.execute(statement("record_shown"), {"source": source.name})
    else:
        connection.execute(statement("keep_shown"), {"source": source.name, "is_retry": is_retry})
    connection.execute(statement("store_raw"), batch)
    connection.execute(statement("store_quarantine"), batch)
    connection.execute(statement("retire_current"))
    connection.execute(statement("store_processed"), {"run_id": run_id})
    connection.execute(statement("settle_quarantine"), {"is_table": source.is_table, "conflict": CONFLICT, "now": now})


def _record_sync_state(connection: psycopg.Connection, stream: str, counts: IntakeCounts, now: datetime) -> None:
    """Bring the stream's row of ops.sync_state up to what was read; only a whole read of a table moves its cursor."""
    connection.execute(
        statement("upsert_sync_state"),
        {
            "stream": stream,
            "moves_cursor": counts.is_table and not counts.is_partial,
            "is_partial": counts.is_partial,
            "source_watermark": counts.source_watermark,
            "versions": counts.accepted + counts.quarantined,
            "repeated_ids": counts.repeated_ids,
            "now": now,
        },
    )


def _look_at_shown(connection: psycopg.Connection, source: RowSource, *, ids_repeat: bool) -> None:
    """Put the rows that count into pg_temp.shown, beside what is known of their bets."""
    query = sql.SQL(statement("shown_table")).format(
        digest=row_digest(sql.SQL("incoming.payload")),
        newest_digest=row_digest(sql.SQL("newest.payload::text")),
    )
    params = {
        "ids_repeat": ids_repeat,
        "shows_all_rows_of_ids": isinstance(source, RowsOfTable) and source.shows_all_rows_of_ids,
        "is_partial": source.is_partial,
    }
    connection.execute(query, params)


@dataclass(frozen=True)
class _Staged:
    """What only the rows themselves show. Attributes as of IntakeCounts."""

    forgotten: int
    naive_timestamps: int
    empty_texts: int
    null_words: int
    columns: list[str]
    unknown_columns: list[str]


def _stage(
    connection: psycopg.Connection,
    source: RowSource,
    now: datetime,
    forgotten: Forgotten,
    users: UserColumn,
    progress: Progress,
) -> _Staged:
    """Validate page by page into pg_temp.incoming, so that memory follows the page and not the source."""
    arrived, left_out, naive, empty, null_words = 0, 0, 0, 0, 0
    columns, unknown = set[str](), set[str]()
    for page in source.pages():
        result = validate(page.rows, now)
        payload, user_digests = users.pseudonymised(page.payload)
        if page.users is not None:
            user_digests = users.digests_of(page.users)
        page = replace(page, payload=payload)
        for rows in (_accepted(page, result, arrived, user_digests), _refused(page, result, arrived, user_digests)):
            kept = forgotten.kept(rows)
            left_out += rows.height - kept.height
            copy_in(connection, "incoming", kept)
        arrived += page.payload.len()
        naive += result.naive_timestamps
        empty += result.empty_texts
        null_words += result.null_words
        columns |= page.columns
        unknown.update(map(_printable, page.unknown_columns))
        progress("read", arrived, source.row_count)
    return _Staged(left_out, naive, empty, null_words, sorted(columns), sorted(unknown))


def _accepted(page: Page, result: ValidationResult, offset: int, user_digests: pl.Series) -> pl.DataFrame:
    rows = result.accepted
    return rows.select(
        arrival=pl.col("row").cast(pl.Int64) + offset,
        content_hash=content_hashes(rows),
        payload=page.payload.gather(rows["row"]),
        user_digest=user_digests.gather(rows["row"]),
        **{name: pl.col(name) for name in ACCEPTED_SCHEMA},
    )


def _refused(page: Page, result: ValidationResult, offset: int, user_digests: pl.Series) -> pl.DataFrame:
    rows = result.rejected
    payload = page.payload.gather(rows["row"])
    problem = page.problems.gather(rows["row"])
    return rows.select(
        arrival=pl.col("row").cast(pl.Int64) + offset,
        content_hash=text_digests(payload),
        payload=payload,
        user_digest=user_digests.gather(rows["row"]),
        id="id",
        updated_at="updated_at",
        is_deleted="is_deleted",
        # What could not even be read has its own reasons, not one for each column that is null because of it.
        reasons=pl.when(problem.is_null()).then("reasons").otherwise(problem.str.split("; ")),
    )


def _printable(name: str) -> str:
    """The name of a column that no bet has, as a record in Postgres can hold it: NUL and half characters as escapes."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
