"""Refused rows tried again: judged as they were kept, by the schema of today and the clock of now.

A row of a file that was read with a format is translated again, by the format that its stream was last read with:
what a corrected mapping mends is mended here.

What is sound enters the log through `load_rows`, as if it came in a file today, and is known from now on. An older
updated_at never overrules a newer one. What is still refused stays where it is, with today's reasons.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import polars as pl
import psycopg

from feature_repo import clock
from feature_repo.postgres.copy import copy_in, copy_out
from feature_repo.servers.connections import Connections
from ingestion.database.access import commit, statement
from ingestion.database.locked_store import locked_store
from ingestion.features.watermark import check_clock
from ingestion.intake.content_hash import content_hashes
from ingestion.intake.load import CONFLICT, load_rows
from ingestion.intake.stream_formats import stream_formats
from ingestion.lineage.run_lineage import TakenIn, keep_intake
from ingestion.progress import Progress, silent
from ingestion.quarantine.refused_rows import Selection, select_in
from ingestion.runs.record import Documented, FinishedRun, Run, recorded_run
from ingestion.sources.files.formats.known_formats import FileFormat
from ingestion.sources.files.formats.translation import translate
from ingestion.sources.json_rows import page_of, raw_page_of
from ingestion.sources.page import PAGE_BYTES, Page
from quality.schema import BET_COLUMNS, validate

# The stream that a retry's versions belong to.
SOURCE: Final = "quarantine"

OUTDATED: Final = "row: the table has shown a newer one since, which is refused too"

_REFUSED_SCHEMA: Final = {
    "seq": pl.Int64(),
    "payload": pl.String(),
    "reasons": pl.List(pl.String()),
    "source": pl.String(),
}
_PAGE_SIZE: Final = 50_000
# The reason for a name or an id that came as something else than text.
_NOT_TEXT: Final = ": not text"

# By stream, the format that its rows are translated with.
_Formats: TypeAlias = Mapping[str, FileFormat]


@dataclass(frozen=True)
class SoundRows:
    """The payloads that were found sound, as a source."""

    connection: psycopg.Connection
    row_count: int
    formats: _Formats
    name: str = SOURCE
    is_table: bool = False
    is_partial: bool = True

    def pages(self) -> Iterator[Page]:
        """See RowSource."""
        for refused_rows in _pages(self.connection, sound_only=True):
            for rows, format_ in _by_format(refused_rows, self.formats):
                yield _page(rows, format_)


@dataclass(frozen=True)
class JudgedRows(Documented):
    """What the schema of today says of the selected rows."""

    #: Rows that are refused still.
    refused: int
    #: How many rows each reason refuses now.
    reasons: Mapping[str, int]


@dataclass(frozen=True)
class AcceptedRows(Documented):
    """What became of the sound rows."""

    #: Rows that left the quarantine.
    accepted: int
    #: Versions that these became; fewer where the log had the same content already.
    versions: int
    #: Of these versions: older than what is known of their bet, so kept and never counted.
    superseded: int


@dataclass(frozen=True)
class RetrySummary(Documented):
    """What a retry did."""

    #: Open rows that it looked at.
    selected: int
    #: Those of them that are refused still.
    refused: int
    #: How many rows each reason refuses now.
    reasons: Mapping[str, int]
    #: Rows that left the quarantine.
    accepted: int
    #: Versions that these became; fewer where the log had the same content already.
    versions: int
    #: Of these versions: older than what is known of their bet, so kept and never counted.
    superseded: int


def retry_quarantined(
    connections: Connections, selection: Selection, *, clock_ahead: bool = False, progress: Progress = silent
) -> FinishedRun[RetrySummary]:
    """Judge the selected open rows again, and bring the sound ones into the log.

    Raises ConfigurationError when a named row is not there or not open,
    LockHeld, ClockRewound and, unless `clock_ahead`, ClockAhead.
    """
    with locked_store(connections, "quarantine retry") as connection:
        now = clock.now()
        check_clock(connection, now, clock_ahead=clock_ahead)
        selected = select_in(connection, selection, "open")
        with recorded_run(connections.postgres, "quarantine retry", source=SOURCE, now=now) as run:
            with run.step("judge") as step:
                step.result = judged = _judge(connection, run, selected, progress)
            with run.step("sync") as step:
                step.result = accepted_rows = _bring_in(connection, run, selected - judged.refused, progress)
            with run.step("lineage") as step:
                intake = TakenIn(SOURCE, selected, accepted_rows.versions, judged.refused)
                step.result = keep_intake(connection, connections.postgres, run, intake)
            with run.step("commit"):
                commit(connection)
            return run.finished(RetrySummary(selected, **vars(judged), **vars(accepted_rows)))


def _judge(connection: psycopg.Connection, run: Run, selected: int, progress: Progress) -> JudgedRows:
    """Put what is to be said of each selected row into pg_temp.retried, and say it of those that stay refused."""
    connection.execute(statement("quarantine_retried_table"))
    rows_done, formats = 0, stream_formats(connection)
    for refused_rows in _pages(connection, sound_only=False):
        for rows, format_ in _by_format(refused_rows, formats):
            copy_in(connection, "retried", _verdicts(rows, format_, run))
        rows_done += refused_rows.height
        progress("judge", rows_done, selected)
    connection.execute(statement("quarantine_conflicts"), {"reason": CONFLICT})
    connection.execute(statement("quarantine_outdated"), {"reason": OUTDATED})
    connection.execute(statement("quarantine_still_refused"))
    counts: dict[str | None, int] = dict(connection.execute(statement("quarantine_retry_counts")).fetchall())
    refused = counts.pop(None, 0)
    return JudgedRows(refused, {str(reason): rows for reason, rows in counts.items()})


def _bring_in(connection: psycopg.Connection, run: Run, sound: int, progress: Progress) -> AcceptedRows:
    if not sound:
        return AcceptedRows(0, 0, 0)
    source = SoundRows(connection, sound, stream_formats(connection))
    intake = load_rows(connection, source, run_id=run.run_id, now=run.now, known_from=run.now, progress=progress)
    settled = connection.execute(statement("quarantine_accepted"), {"now": run.now})
    return AcceptedRows(settled.rowcount, intake.accepted, intake.superseded)


def _pages(connection: psycopg.Connection, *, sound_only: bool) -> Iterator[pl.DataFrame]:
    """The selected rows, or the sound ones of them, in pages with _REFUSED_SCHEMA: memory follows the page."""
    after = 0
    while True:
        params = {"after": after, "rows": _PAGE_SIZE, "size": PAGE_BYTES, "sound_only": sound_only}
        refused_rows = copy_out(connection, statement("quarantine_page"), params, _REFUSED_SCHEMA)
        if refused_rows.is_empty():
            return
        yield refused_rows
        after = refused_rows["seq"][-1]


def _by_format(refused_rows: pl.DataFrame, formats: _Formats) -> Iterator[tuple[pl.DataFrame, FileFormat | None]]:
    """The rows in groups that are read alike: bets as they are, and those of each stream that has a format."""
    foreign = pl.Series([False]).new_from_index(0, refused_rows.height)
    for stream in refused_rows["source"].unique(maintain_order=True):
        if format_ := formats.get(stream):
            is_its = pl.Series(
                [
                    source == stream and _is_of(format_, payload)
                    for source, payload in refused_rows["source", "payload"].iter_rows()
                ]
            )
            foreign |= is_its
            yield refused_rows.filter(is_its), format_
    yield refused_rows.filter(~foreign), None


def _is_of(format_: FileFormat, payload: str) -> bool:
    """Whether a row has more columns of the format than of a bet: its file may have been a table of bets before."""
    record = json.loads(payload)
    names = record.keys() if isinstance(record, dict) else set()
    return len(names & set(format_.format.source_columns)) > len(names & set(BET_COLUMNS))


def _page(refused_rows: pl.DataFrame, format_: FileFormat | None) -> Page:
    lines = [payload.encode() for payload in refused_rows["payload"]]
    if format_ is None:
        return page_of(lines)
    declared = format_.format
    return translate(declared, raw_page_of(lines, declared.source_columns, declared.text_columns))


def _verdicts(refused_rows: pl.DataFrame, format_: FileFormat | None, run: Run) -> pl.DataFrame:
    """What the schema of today says of each row.

    Columns: seq; id and updated_at, null where they cannot be read; content_hash of a sound row; reasons, null for one.
    """
    page = _page(refused_rows, format_)
    result = validate(page.rows, run.now)
    sound = result.accepted.select("row", "id", "updated_at", content_hash=content_hashes(result.accepted))
    refused = result.rejected.select("row", "reasons", refused_id="id", refused_stamp="updated_at")
    verdicts = (
        refused_rows.with_row_index("row")
        .with_columns(was="reasons", problem=page.problems, keeps=_lost(refused_rows))
        .drop("reasons")
        .join(sound, on="row", how="left", maintain_order="left")
        .join(refused, on="row", how="left", maintain_order="left")
        .with_columns(id=pl.coalesce("id", "refused_id"), updated_at=pl.coalesce("updated_at", "refused_stamp"))
    )
    # What could not even be read has its own reasons, as in a sync; a line that was never a bet has those it had.
    no_bet = pl.col("problem").str.starts_with("line: ").fill_null(False)
    reasons = (
        pl.when(pl.col("keeps") | no_bet)
        .then("was")
        .when(pl.col("problem").is_not_null())
        .then(pl.col("problem").str.split("; "))
        .otherwise("reasons")
    )
    return verdicts.select("seq", "id", "updated_at", "content_hash", reasons.alias("reasons"))


def _lost(refused_rows: pl.DataFrame) -> pl.Series:
    """Which rows were refused for a value that was no text but has become one in JSON (a date)."""
    return pl.Series(map(_has_lost, refused_rows["payload"], refused_rows["reasons"]), dtype=pl.Boolean)


def _has_lost(payload: str, reasons: list[str]) -> bool:
    columns = [reason.removesuffix(_NOT_TEXT) for reason in reasons if reason.endswith(_NOT_TEXT)]
    record = json.loads(payload) if columns else {}
    return any(isinstance(record.get(column), str) for column in columns)
