"""Bets in a file: Parquet, JSON lines or CSV, told apart by the suffix, checked before the first row is used.

A file that cannot be read as bets at all is refused (`SourceRejected`). A row that cannot be read stays in its page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from ingestion.errors import SourceRejected
from ingestion.sources import csv, jsonl, parquet
from ingestion.sources.lines import Broken
from ingestion.sources.page import Page
from quality.schema import REQUIRED_COLUMNS

PAGE_SIZE = 50_000


class Format(Protocol):
    """What a module that reads one format offers."""

    def survey(self, path: Path) -> tuple[list[str], int]:
        """The columns of the file and the number of its rows."""

    def pages(self, path: Path, size: int) -> Iterator[Page]:
        """The rows of the file, at most `size` a page."""


FORMATS: dict[str, Format] = {".parquet": parquet, ".jsonl": jsonl, ".ndjson": jsonl, ".csv": csv}


@dataclass(frozen=True)
class FileSource:
    """A file of bets, found readable."""

    path: Path
    row_count: int
    is_table: bool = False
    is_partial: bool = False

    @property
    def name(self) -> str:
        """The stream that the file's bets belong to, wherever the file lies."""
        return f"file:{self.path.name}"

    def pages(self, size: int = PAGE_SIZE) -> Iterator[Page]:
        """The file's rows in its order, at most `size` a page. Memory follows the size of a page."""
        with _refusing(self.path):
            yield from _format(self.path).pages(self.path, size)


def open_file(path: Path, required: Sequence[str] = REQUIRED_COLUMNS) -> FileSource:
    """The bets in a file. Raises SourceRejected if none can be read from it, or a column of `required` is missing."""
    with _refusing(path):
        if not path.exists():
            raise _rejected(path, "does not exist", "Check the path")
        if not path.is_file():
            raise _rejected(path, "is not a file", f"Give one that ends in {_suffixes()}")
        format_ = _format(path)
        if path.stat().st_size == 0:
            raise Broken("it is empty")
        columns, row_count = format_.survey(path)
        if row_count == 0:
            raise Broken("it holds no rows")
    _check_columns(path, columns, required)
    return FileSource(path, row_count)


def _check_columns(path: Path, columns: list[str], required: Sequence[str]) -> None:
    missing = [column for column in required if column not in columns]
    if missing:
        raise _rejected(path, f"lacks the columns {', '.join(missing)}", "Give a table of bets with these columns")
    twice = [column for column, count in Counter(columns).items() if count > 1]
    if twice:
        raise _rejected(path, f"has more than one column called {', '.join(twice)}", "Keep one of each")


def _format(path: Path) -> Format:
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise _rejected(path, f"does not end in {_suffixes()}", "Rename or convert it") from None


def _suffixes() -> str:
    *others, last = FORMATS
    return f"{', '.join(others)} or {last}"


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turns what the formats and the file system say about a file into SourceRejected."""
    suffix = path.suffix.lower()
    mend = "Write it anew, or mend it there"
    try:
        yield
    except Broken as error:
        raise _rejected(path, f"cannot be used: {error}", mend) from error
    except OSError as error:
        raise _rejected(path, f"cannot be read: {error.strerror or error}", mend) from error
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _rejected(path, f"is not readable as {suffix}: {error}", mend) from error


def _rejected(path: Path, why: str, next_step: str) -> SourceRejected:
    return SourceRejected(f"{path} {why}", "Nothing was taken from it", next_step, path=path)
