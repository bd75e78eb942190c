"""Bets in a file: Parquet, JSON or CSV, told apart by the suffix, checked before the first row is used.

A file is a table of bets, or is of a known format (found by its columns), or the user's mapping says what it is
(`formats/`). A file that cannot be read as bets at all is refused (`SourceRejected`). A row that cannot be read stays
in its page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from feature_repo.errors import SourceRejected
from feature_repo.near_names import did_you_mean
from ingestion.sources.files.csv import DELIMITER_NAMES, csv_pages, survey_csv
from ingestion.sources.files.formats.example import begun_mapping
from ingestion.sources.files.formats.known_formats import FileFormat, nearest_format, recognised, shipped_formats
from ingestion.sources.files.formats.translation import translate
from ingestion.sources.files.json import json_pages, survey_json
from ingestion.sources.files.jsonl import jsonl_pages, survey_jsonl
from ingestion.sources.files.lines import Broken
from ingestion.sources.files.parquet import parquet_pages, survey_parquet
from ingestion.sources.json_rows import TEXT_COLUMNS
from ingestion.sources.page import Page, build_page
from ingestion.sources.raw_page import RawPage
from quality.schema import BET_COLUMNS, REQUIRED_COLUMNS

FILE_PAGE_ROWS: Final = 50_000


@dataclass(frozen=True)
class FileType:
    """How one type of file is read."""

    #: (path, enough): the columns of the file, or as far as it took to meet all of one set of `enough`, and the number
    #: of its rows. `event.sport`, the member `sport` of an object `event`, is a column as well.
    survey: Callable[[Path, Sequence[Collection[str]]], tuple[list[str], int]]
    #: (path, size, wanted, texts): the rows of the file, at most `size` a page: its `wanted` columns, of which `texts`
    #: are names and ids.
    pages: Callable[[Path, int, Collection[str], Collection[str]], Iterator[RawPage]]


_CSV: Final = FileType(survey_csv, csv_pages)
_JSONL: Final = FileType(survey_jsonl, jsonl_pages)


FILE_TYPES: Final[dict[str, FileType]] = {
    ".parquet": FileType(survey_parquet, parquet_pages),
    ".jsonl": _JSONL,
    ".ndjson": _JSONL,
    ".json": FileType(survey_json, json_pages),
    ".csv": _CSV,
    ".tsv": _CSV,
}


_PARQUET: Final = b"PAR1"
_AS_CSV: Final = "Save it as CSV UTF-8"
# What files begin with that are not read under the name that they have: what they are, and what to do.
_OTHER_KINDS: Final = {
    b"\x1f\x8b": ("compressed with gzip", "Unpack it (gunzip), and give what was in it"),
    b"PK\x03\x04": (
        "an Excel workbook, or another zip archive",
        f"{_AS_CSV} in Excel; of an archive give what is in it",
    ),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", f"{_AS_CSV} in Excel"),
    b"\xff\xfe": ("text in UTF-16", f"{_AS_CSV}; in Excel that is not Unicode Text"),
    b"\xfe\xff": ("text in UTF-16", f"{_AS_CSV}; in Excel that is not Unicode Text"),
    _PARQUET: ("a Parquet file under another name", "Rename it to end in .parquet"),
}
_LONGEST_START: Final = max(map(len, _OTHER_KINDS))


@dataclass(frozen=True)
class FileSource:
    """A file of bets, found readable. `format` says how its columns become those of a bet; null where they are."""

    path: Path
    row_count: int
    format: FileFormat | None = None
    is_table: bool = False
    is_partial: bool = False

    @property
    def name(self) -> str:
        """The stream that the file's bets belong to."""
        return stream_of(self.path)

    def pages(self, size: int = FILE_PAGE_ROWS) -> Iterator[Page]:
        """The file's rows in its order, at most `size` a page. Memory follows the size of a page."""
        with file_errors(self.path):
            read = _file_type(self.path).pages
            if self.format is None:
                for raw in read(self.path, size, BET_COLUMNS, TEXT_COLUMNS):
                    yield build_page(raw.columns, raw.payload, raw.problems, raw.unknown_columns)
                return
            declared = self.format.format
            for raw in read(self.path, size, declared.source_columns, declared.text_columns):
                yield translate(declared, raw)


def stream_of(path: Path) -> str:
    """The stream that the bets of a file belong to, wherever the file lies."""
    return f"file:{path.name}"


def open_file(
    path: Path, required: Sequence[str] = REQUIRED_COLUMNS, *, mapping: FileFormat | None = None
) -> FileSource:
    """The bets in a file, by a mapping where one is given, else as its columns say.

    Raises SourceRejected if none can be read from it, or a column of `required`, or one that its format needs, is
    missing.
    """
    with file_errors(path):
        if not path.exists():
            raise _rejected(path, f"does not exist{did_you_mean(path.name, _beside(path))}", "Check the path")
        if not path.is_file():
            raise _rejected(path, "is not a file", f"Give one that ends in {_suffixes()}")
        _check_kind(path)
        file_type = _file_type(path)
        if path.stat().st_size == 0:
            raise Broken("it is empty")
        columns, row_count = file_type.survey(path, _enough(required, mapping))
        if row_count == 0:
            raise Broken("it holds no rows")
    twice = [column for column, count in Counter(columns).items() if count > 1]
    if twice:
        raise _rejected(path, f"has more than one column called {', '.join(twice)}", "Keep one of each")
    used = mapping or (None if required and set(required) <= set(columns) else recognised(columns))
    if used is None:
        _check_required(path, columns, required)
        return FileSource(path, row_count)
    if lacking := used.format.missing(columns):
        raise _missing_columns(path, columns, used, lacking)
    return FileSource(path, row_count, used)


def _beside(path: Path) -> list[str]:
    """The names of the files that lie where this one was looked for."""
    try:
        return [file.name for file in path.parent.iterdir() if file.is_file() and file.suffix in FILE_TYPES]
    except OSError:
        return []


def _enough(required: Sequence[str], mapping: FileFormat | None) -> list[Collection[str]]:
    """Sets of columns of which one tells what the file is, so that a survey may stop looking."""
    if mapping is not None:
        return [mapping.format.source_columns]
    return [*([required] if required else []), *(each.format.source_columns for each in shipped_formats().values())]


def _check_required(path: Path, columns: list[str], required: Sequence[str]) -> None:
    missing = [column for column in required if column not in columns]
    if not missing:
        return
    known = ""
    nearest = nearest_format(columns)
    if nearest:
        format_, lacking = nearest
        known = f". Of {format_.format.called} it would lack {', '.join(lacking)}"
    if len(columns) == 1 and _file_type(path) is _CSV:
        known += f". It has one column, {columns[0]!r}: fields are parted by {DELIMITER_NAMES}"
    begun = begun_mapping(path, columns, nearest and nearest[0])
    raise _rejected(
        path,
        f"lacks the columns {', '.join(missing)}{known}",
        "Give a table of bets with these columns, or say what its own columns mean in a file, and give that as "
        f"--mapping FILE.toml (docs/formats.md). To begin with:\n{begun}",
        missing,
    )


def _missing_columns(path: Path, columns: list[str], used: FileFormat, lacking: list[str]) -> SourceRejected:
    missing = ", ".join(lacking)
    if used.text is None:
        return _rejected(
            path,
            f"is of the format {used.format.called}, and lacks the columns {missing}",
            f'Export it whole; or say in a mapping what it means (extends = "{used.name}", docs/formats.md)',
            lacking,
        )
    return _rejected(
        path,
        f"lacks columns that the mapping {used.name} reads: {missing}. It has {', '.join(columns)}",
        "Correct the names, or mark the rule `optional = true` where the column may be missing",
        lacking,
    )


def _check_kind(path: Path) -> None:
    """Raises Broken for a file that its first bytes show to be of a kind that is not read, whatever its name."""
    with path.open("rb") as file:
        start = file.read(_LONGEST_START)
    for magic, (kind, mend) in _OTHER_KINDS.items():
        if start.startswith(magic) and not (magic == _PARQUET and path.suffix.lower() == ".parquet"):
            raise Broken(f"it is {kind}", mend)


def _file_type(path: Path) -> FileType:
    try:
        return FILE_TYPES[path.suffix.lower()]
    except KeyError:
        raise _rejected(path, f"does not end in {_suffixes()}", "Rename or convert it") from None


def _suffixes() -> str:
    *others, last = FILE_TYPES
    return f"{', '.join(others)} or {last}"


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Raise what the file system and the readers of file types say of a file as SourceRejected."""
    suffix = path.suffix.lower()
    mend = "Write it anew, or mend it there"
    try:
        yield
    except Broken as error:
        raise _rejected(path, f"cannot be used: {error}", error.mend) from error
    except OSError as error:
        raise _rejected(path, f"cannot be read: {error.strerror or error}", mend) from error
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _rejected(path, f"is not readable as {suffix}: {error}", mend) from error


def _rejected(path: Path, why: str, next_step: str, missing: Collection[str] = ()) -> SourceRejected:
    return SourceRejected(f"{path} {why}", "Nothing was taken from it", next_step, path=path, missing=missing)
