"""Rows of a source into the store: raw, and beside it processed or quarantine. Part of the caller's transaction.

Nothing is lost: every row the source sent is in raw, and either typed in processed or in quarantine with its reasons
(R9). Reading the same rows again changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import polars as pl
import psycopg
from psycopg.rows import dict_row

from ingestion.database import copy_in, statement
from ingestion.progress import Progress, silent
from ingestion.runs import Counts
from ingestion.sources.page import Page
from quality.schema import ACCEPTED_SCHEMA, ValidationResult, validate

CONFLICT: Final = "updated_at: copies that differ under one updated_at"
_DIGEST_BYTES: Final = 16


class Source(Protocol):
    """Where bets come from."""

    @property
    def name(self) -> str:
        """The stream that sync_state keeps its place under."""

    @property
    def row_count(self) -> int | None:
        """How many rows there are, where the source can say it beforehand."""

    def pages(self) -> Iterator[Page]:
        """The rows, a page at a time."""


def take_in(
    connection: psycopg.Connection,
    source: Source,
    *,
    run_id: UUID,
    now: datetime,
    first_known_by: str = "updated_at",
    progress: Progress = silent,
) -> Counts:
    """Bring every row of the source into the store and return what became of them.

    `first_known_by` is the column that says when a row became known while the log is empty (setting KNOWN_AT_COLUMN).
    The counts: rows_read, copies (exact, inside this batch), seen_before, accepted, of these late (their updated_at
    lies before what was answered already: known from now on) and superseded (a newer version was there), quarantined,
    reasons (how many rows each reason refused), naive_timestamps, empty_texts, unknown_columns, known_until,
    first_load (the store was empty), largest_instant (how many accepted versions share one updated_at).
    """
    connection.execute(statement("incoming_table"))
    counts = _stage(connection, source, now, progress)
    progress("store", 0, None)
    connection.execute(statement("refuse_conflicts"), {"reason": CONFLICT})
    connection.execute(statement("new_versions_table"), {"now": now, "first_known_by": first_known_by})
    with connection.cursor(row_factory=dict_row) as cursor:
        stored = cursor.execute(statement("intake_counts")).fetchone() or {}
        reasons = cursor.execute(statement("refusal_counts")).fetchall()
    batch = {"run_id": run_id, "source": source.name, "received_at": now}
    connection.execute(statement("store_raw"), batch)
    connection.execute(statement("store_quarantine"), batch)
    connection.execute(statement("retire_current"))
    connection.execute(statement("store_processed"), {"run_id": run_id})
    known_until: datetime | None = stored.pop("known_until")
    connection.execute(
        statement("upsert_sync_state"),
        {
            "stream": source.name,
            "high_water_mark": known_until,
            "versions": stored["accepted"] + stored["quarantined"],
            "now": now,
        },
    )
    connection.execute(statement("drop_intake"))
    return {
        **stored,
        "reasons": {row["reason"]: row["rows"] for row in reasons},
        **counts,
        "known_until": known_until.isoformat() if known_until else None,
    }


def _stage(connection: psycopg.Connection, source: Source, now: datetime, progress: Progress) -> Counts:
    """Validate page by page into pg_temp.incoming, so that memory follows the page and not the source."""
    arrived, naive, empty, unknown = 0, 0, 0, set[str]()
    for page in source.pages():
        result = validate(page.rows, now)
        copy_in(connection, "incoming", _accepted(page, result, arrived))
        copy_in(connection, "incoming", _refused(page, result, arrived))
        arrived += page.payload.len()
        naive += result.naive_timestamps
        empty += result.empty_texts
        unknown.update(page.unknown_columns)
        progress("read", arrived, source.row_count)
    return {"naive_timestamps": naive, "empty_texts": empty, "unknown_columns": sorted(unknown)}


def _accepted(page: Page, result: ValidationResult, offset: int) -> pl.DataFrame:
    rows = result.accepted
    return rows.select(
        arrival=pl.col("row").cast(pl.Int64) + offset,
        content_hash=content_hashes(rows),
        payload=page.payload.gather(rows["row"]),
        **{name: pl.col(name) for name in ACCEPTED_SCHEMA},
    )


def _refused(page: Page, result: ValidationResult, offset: int) -> pl.DataFrame:
    rows = result.rejected
    payload = page.payload.gather(rows["row"])
    problem = page.problems.gather(rows["row"])
    return rows.select(
        arrival=pl.col("row").cast(pl.Int64) + offset,
        content_hash=_digests(payload),
        payload=payload,
        id="id",
        updated_at="updated_at",
        # What could not even be read has its own reasons, not one for each column that is null because of it.
        reasons=pl.when(problem.is_null()).then("reasons").otherwise(problem.str.split("; ")),
    )


def content_hashes(accepted: pl.DataFrame) -> pl.Series:
    """A digest of each row's typed values, the same for the same bet from any source and in any spelling."""
    columns = [
        pl.col(name).dt.timestamp("us") if isinstance(dtype, pl.Datetime) else pl.col(name)
        for name, dtype in ACCEPTED_SCHEMA.items()
    ]
    return _digests(accepted.select(row=pl.struct(columns).struct.json_encode())["row"])


def _digests(texts: pl.Series) -> pl.Series:
    digests = [hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest() for text in texts]
    return pl.Series("content_hash", digests, pl.Binary)
