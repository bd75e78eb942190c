"""The format that each stream is read with, kept with the store, so that a refused row can be translated again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import psycopg

from feature_repo.errors import ConfigurationError, MappingMissing
from ingestion.database.access import statement
from ingestion.sources.files.formats.declaration import FormatInvalid
from ingestion.sources.files.formats.known_formats import FileFormat, declared_format, shipped_formats


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
    return {stream: _kept(stream, name, text) for stream, name, text in _kept_formats(connection)}


def check_mapping_given(connection: psycopg.Connection, stream: str, format_: FileFormat | None) -> None:
    """Raise MappingMissing when the stream was last read by a mapping of the user's, and is to be read by none now.

    `format_` is what it is to be read with: null, or one that ships, where no mapping was given.
    """
    mapping = next((name for each, name, text in _kept_formats(connection) if each == stream and text), None)
    if mapping is not None and (format_ is None or format_.text is None):
        raise MappingMissing(
            f"{stream} was read by the mapping {mapping} so far, and no mapping is given now",
            "Nothing was taken from it. Without the mapping its columns would mean something else",
            f"Give {mapping} as --mapping FILE.toml again. A file that needs none is read under another name, as a "
            "stream of its own",
            stream=stream,
            mapping=mapping,
        )


def is_read_as_before(connection: psycopg.Connection, stream: str, format_: FileFormat | None) -> bool:
    """Whether the stream was last read with this very format; null: as a table of bets, and never with another."""
    last = {name: (format_name, text) for name, format_name, text in _kept_formats(connection)}.get(stream)
    return last == (None if format_ is None else (format_.name, format_.text))


def _kept_formats(connection: psycopg.Connection) -> list[tuple[str, str, str | None]]:
    """Stream, name of the format, and the text of a mapping; null for a format that ships."""
    return connection.execute(statement("stream_formats")).fetchall()


def _kept(stream: str, name: str, text: str | None) -> FileFormat:
    try:
        return declared_format(text, name=name) if text else shipped_formats()[name]
    except (FormatInvalid, KeyError) as error:
        raise ConfigurationError(
            f"The format {name}, with which {stream} was read, cannot be used by this version: {error}",
            "Nothing was changed",
            "Read the file again with a corrected --mapping",
        ) from None
