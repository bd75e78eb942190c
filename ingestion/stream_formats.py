"""The format that each stream is read with, kept with the store, so that a refused row can be translated again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import psycopg

from ingestion.database import statement
from ingestion.errors import ConfigurationError
from ingestion.sources.files.formats.declaration import FormatInvalid
from ingestion.sources.files.formats.registry import FileFormat, declared_format, shipped_formats


def keep_stream_format(
    connection: psycopg.Connection, stream: str, format_: FileFormat, *, run_id: UUID, now: datetime
) -> None:
    """Remember that the stream is read with this format from now on. Part of the caller's transaction."""
    connection.execute(
        statement("upsert_stream_format"),
        {"stream": stream, "name": format_.name, "declaration": format_.text, "run_id": run_id, "now": now},
    )


def stream_formats(connection: psycopg.Connection) -> dict[str, FileFormat]:
    """By stream, the format that it was last read with. Raises ConfigurationError when this version cannot use one."""
    rows = connection.execute(statement("stream_formats")).fetchall()
    return {stream: _kept(stream, name, text) for stream, name, text in rows}


def is_read_as_before(connection: psycopg.Connection, stream: str, format_: FileFormat | None) -> bool:
    """Whether the stream was last read with this very format; null: as a table of bets, and never with another."""
    rows = connection.execute(statement("stream_formats")).fetchall()
    last = {name: (format_name, text) for name, format_name, text in rows}.get(stream)
    return last == (None if format_ is None else (format_.name, format_.text))


def _kept(stream: str, name: str, text: str | None) -> FileFormat:
    try:
        return declared_format(text, name=name) if text else shipped_formats()[name]
    except (FormatInvalid, KeyError) as error:
        raise ConfigurationError(
            f"The format {name}, with which {stream} was read, cannot be used by this version: {error}",
            "Nothing was changed",
            "Read the file again with a corrected --mapping",
        ) from None
