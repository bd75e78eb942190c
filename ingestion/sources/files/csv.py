"""Bets in a CSV file: a header, double quotes (doubled inside quotes), UTF-8. A field of nothing is null.

Fields are parted by commas, semicolons, tabs or bars: by whichever the header has most of outside its quotes, or by
what Excel's first line (`sep=;`) says. A decimal comma is not guessed: `2,10` is no number.

A file with a broken quote or a row of the wrong length is refused as a whole, with its line: past such a place nobody
can tell which field is which.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Final

import polars as pl

from ingestion.sources.files.lines import LONGEST_LINE, Broken, NotUtf8, check_column_names, read_lines
from ingestion.sources.page import in_pages
from ingestion.sources.raw_page import RawPage

DELIMITERS: Final = ",;\t|"
DELIMITER_NAMES: Final = "commas, semicolons, tabs or bars (|)"
# A field as it is written, with its quotes, by the delimiter that ends it.
_WRITTEN: Final = {
    delimiter: re.compile(rf'("(?:[^"]|"")*"|[^{delimiter}\r\n]*)(?:[{delimiter}]|\r?\n|$)') for delimiter in DELIMITERS
}
# Excel's own first line, which is no header: `sep=;`.
_SEPARATOR_LINE: Final = re.compile(rf'"?sep=([{DELIMITERS}])"?\s*', re.IGNORECASE)
_QUOTED: Final = re.compile(r'"[^"]*"')

CsvRow = list[str | None]


def survey_csv(path: Path, _: Sequence[Collection[str]]) -> tuple[list[str], int]:
    """See FileType. Reads all of the file: a broken row is found before any is used."""
    rows = _rows(path)
    header = _header(rows)
    return header, sum(1 for _ in rows)


def csv_pages(path: Path, size: int, wanted: Collection[str], _: Collection[str]) -> Iterator[RawPage]:
    """See FileType. Every value is text or null."""
    rows = _rows(path)
    header = _header(rows)
    unknown = tuple(name for name in header if name not in wanted)
    for some in in_pages(rows, size):
        values = zip(*some, strict=True)
        columns = {name: pl.Series(texts, dtype=pl.String) for name, texts in zip(header, values, strict=True)}
        payload = pl.DataFrame(columns).select(pl.struct(pl.all()).struct.json_encode().alias("")).to_series()
        yield RawPage({name: column for name, column in columns.items() if name in wanted}, payload, {}, unknown)


def _header(rows: Iterator[tuple[int, CsvRow]]) -> list[str]:
    _, names = next(rows, (0, []))
    return [name or "" for name in names]


def _rows(path: Path) -> Iterator[tuple[int, CsvRow]]:
    """The rows with the length of their text, the header first, each with as many fields as the header.

    Lines without anything in them are none.
    """
    written: list[str] = []
    header = _header_text(path)
    separator = _SEPARATOR_LINE.fullmatch(header)
    delimiter = separator[1] if separator else delimiter_of(header)
    # Of a line that names the delimiter nothing is left but the line, so that the numbers of lines are right.
    lines = _text_lines(path)
    if separator:
        lines = chain(["\n"], islice(lines, 1, None))
    reader = csv.reader(_kept(lines, written), delimiter=delimiter, strict=True)
    width, starts_on = None, 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise Broken(f"the row that starts on line {starts_on} breaks on line {reader.line_num}: {error}") from None
        if fields is None:
            return
        text = "".join(written)
        if text.strip():
            if width is None:
                check_column_names(fields)
                width = len(fields)
            if len(fields) != width:
                raise Broken(f"the row on line {starts_on} has {len(fields)} fields, the header has {width}")
            yield len(text), _cells(fields, text, delimiter)
        written.clear()
        starts_on = reader.line_num + 1


def delimiter_of(header: str) -> str:
    """The delimiter that stands most often outside the quotes of a header; a comma where none does.

    >>> delimiter_of('bet_id;"stake, in euros";status')
    ';'
    """
    bare = _QUOTED.sub("", header)
    return max(DELIMITERS, key=bare.count)


def _header_text(path: Path) -> str:
    """The first line with anything in it, and those that it goes on in when it breaks inside quotes."""
    header: list[str] = []
    length = quotes = 0
    for line in _text_lines(path):
        header.append(line)
        length += len(line)
        quotes += line.count('"')
        if quotes % 2 == 0 and (quotes or line.strip()):
            break
        if length > LONGEST_LINE:
            raise Broken(f"a quote that its header opens does not end within {LONGEST_LINE >> 20} MiB")
    return "".join(header)


def _cells(fields: list[str], text: str, delimiter: str) -> CsvRow:
    if '""' not in text:
        return [field or None for field in fields]
    # The csv module does not say whether an empty field was quoted; the text does.
    written = _WRITTEN[delimiter].findall(text)
    return [field if field or quoted else None for field, quoted in zip(fields, written, strict=False)]


def _kept(lines: Iterator[str], written: list[str]) -> Iterator[str]:
    """The lines, each of them also added to `written`."""
    for line in lines:
        written.append(line)
        yield line


def _text_lines(path: Path) -> Iterator[str]:
    for number, (offset, line) in enumerate(read_lines(path), start=1):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise NotUtf8(f"byte {offset + error.start} (on line {number}) is not UTF-8") from None
