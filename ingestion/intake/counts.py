"""What became of the rows of a source: counted where they are taken in, kept with the run, printed by `--json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ingestion.runs.record import Documented

if TYPE_CHECKING:
    from ingestion.sources.files.formats.known_formats import FileFormat


@dataclass(frozen=True)
class IntakeCounts(Documented):
    """What `load_rows` did with the rows of one source."""

    #: Rows that came, in all.
    rows_read: int
    #: Of these: of bets and users that were forgotten, and not taken in.
    forgotten: int
    #: Exact copies inside this batch.
    copies: int
    #: Rows that the log holds already.
    seen_before: int
    #: Rows that a table shows again as it showed them once, with others in between.
    returned: int
    #: Versions that entered the log.
    accepted: int
    #: Of these: their updated_at lies before what was answered already, so they are known from now on.
    late: int
    #: Of these: a newer version of the bet was there.
    superseded: int
    #: Rows that were refused.
    quarantined: int
    #: Accepted versions that say that their bet is deleted.
    deleted: int
    #: Whether the store was empty.
    first_load: bool
    #: Whether nothing was read of the whole stream before.
    first_sync: bool
    #: Whether it is the first sync and the store holds none of these bets.
    is_new_source: bool
    #: How many accepted versions become known at one instant by their source, at most.
    largest_instant: int
    #: Whether by settled_at fewer would.
    settlements_differ: bool
    #: New versions past the clock, which the cursor waits for.
    future: int
    #: Bets whose row in a table says that it is deleted, and is refused for something else: deleted from now on.
    broken_deletes: int
    #: How many rows there are, as the source says; null where it cannot.
    source_rows: int | None
    #: How many rows each reason refused.
    reasons: Mapping[str, int]
    #: Timestamps without an offset, read as UTC.
    naive_timestamps: int
    #: Texts of nothing but white space, read as null.
    empty_texts: int
    #: Names that said NULL, None, NaN or N/A, read as null.
    null_words: int
    #: Columns of the rows that no bet has.
    unknown_columns: Sequence[str]
    #: How many ids more than one row of the table is known to have.
    repeated_ids: int
    #: Whether the source says what is now (a table), not what was (a file).
    is_table: bool
    #: Whether a part only of what changed was read.
    is_partial: bool
    #: The newest updated_at of the new rows.
    newest_stamp: datetime | None
    #: The newest known_at of the new rows; `known_until` in the document. What the stream brought is known up to here.
    source_watermark: datetime | None
    #: The newest updated_at of the accepted rows.
    newest_accepted: datetime | None
    #: Up to where answers were given before: the log's newest version, or the last refresh. Null for an empty log.
    log_watermark: datetime | None
    #: Columns of a bet that the rows have. Not part of the document.
    columns: Sequence[str]

    def document(self) -> dict[str, Any]:
        """See Documented; instants are ISO 8601 text."""
        texts = {
            "newest_stamp": f"{self.newest_stamp:%Y-%m-%dT%H:%M:%SZ}" if self.newest_stamp else None,
            "known_until": _iso(self.source_watermark),
            "newest_accepted": _iso(self.newest_accepted),
            "log_watermark": _iso(self.log_watermark),
        }
        document = asdict(self) | texts
        del document["columns"], document["source_watermark"]
        return document


@dataclass(frozen=True)
class FormatOfFile:
    """How a file was read."""

    name: str
    title: str
    #: Whether somebody gave a mapping (`--mapping`).
    is_mapping: bool
    #: Columns of a bet that were derived from the file's own.
    derived: Sequence[str]
    #: Columns of a bet that the file has nothing for: null.
    unknown: Sequence[str]

    @classmethod
    def of(cls, format_: FileFormat) -> FormatOfFile:
        """What is kept, and printed, of a format that a file was read by."""
        return cls(
            name=format_.name,
            title=format_.format.called,
            is_mapping=format_.text is not None,
            derived=format_.derived_columns,
            unknown=format_.unknown_columns,
        )


@dataclass(frozen=True)
class StreamChanges:
    """How a stream differs from what its last good sync saw of it."""

    #: How many rows the table shows in all; null where that is not known, and for a file.
    shown: int | None
    #: Columns that the stream had and has no more, which this sync accepted.
    vanished_columns: Sequence[str]
    #: Columns that it has now and had not.
    new_columns: Sequence[str]
    #: Columns that the request says may be missing, and that are there.
    without_but_there: Sequence[str]
    #: Where the stream's cursor stood before, and where it stands now; null before the first row of it.
    cursor_before: datetime | None
    cursor_after: datetime | None


@dataclass(frozen=True)
class SyncCounts(StreamChanges, IntakeCounts):
    """What a sync did: what was taken in, and how the stream differs from what it was."""

    #: How the file was read; null for a table, and for a file of bets as they are.
    format: FormatOfFile | None = None

    def document(self) -> dict[str, Any]:
        """See IntakeCounts; `format` is left out where it is null."""
        document = super().document()
        document |= {"cursor_before": _iso(self.cursor_before), "cursor_after": _iso(self.cursor_after)}
        if self.format is None:
            del document["format"]
        return document


@dataclass(frozen=True)
class ReconcileCounts(Documented):
    """What a reconciliation found."""

    #: Days that were compared.
    days: int
    #: Of these: their digests differ.
    differing: int
    #: Versions that no sync had brought, or that were rewritten under an old stamp.
    missed: int
    #: Rows of the same kind that were refused.
    quarantined: int
    #: How many of these each reason refused.
    reasons: Mapping[str, int]
    #: Bets that vanished from the table.
    deleted: int
    #: Bets that are not in the table and were left, by the stream that brought them.
    of_other_streams: Mapping[str, int]


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
