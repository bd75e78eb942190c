"""Bets in a CSV file: a header, double quotes (doubled inside quotes), UTF-8. A field of nothing is null.

Fields are parted by commas, semicolons or tabs: by whichever the header has most of outside its quotes. A decimal comma
is not guessed: `2,10` is no number.

A file with a broken quote or a row of the wrong length is refused as a whole, with its line: past such a place nobody
can tell which field is which.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import polars as pl

from ingestion.sources.files.lines import Broken, read_lines
from ingestion.sources.files.raw_page import RawPage

DELIMITERS: Final = ",;\t"
# A field as it is written, with its quotes, by the delimiter that ends it.
_WRITTEN: Final = {
    delimiter: re.compile(rf'("(?:[^"]|"")*"|[^{delimiter}\r\n]*)(?:{delimiter}|\r?\n|$)') for delimiter in DELIMITERS
}
_QUOTED: Final = re.compile(r'"[^"]*"')

Row = list[str | None]


def survey(path: Path, _: Sequence[Collection[str]]) -> tuple[list[str], int]:
    """See FileType. Reads all of the file: a broken row is found before any is used."""
    rows = _rows(path)
    header = _header(rows)
    return header, sum(1 for _ in rows)


def pages(path: Path, size: int, wanted: Collection[str], _: Collection[str]) -> Iterator[RawPage]:
    """See FileType. Every value is text or null."""
    rows = _rows(path)
    header = _header(rows)
    unknown = tuple(name for name in header if name not in wanted)
    while some := list(islice(rows, size)):
        values = zip(*some, strict=True)
        columns = {name: pl.Series(texts, dtype=pl.String) for name, texts in zip(header, values, strict=True)}
        payload = pl.DataFrame(columns).select(pl.struct(pl.all()).struct.json_encode().alias("")).to_series()
        yield RawPage({name: column for name, column in columns.items() if name in wanted}, payload, {}, unknown)


def _header(rows: Iterator[Row]) -> list[str]:
    return [name or "" for name in next(rows, [])]


def _rows(path: Path) -> Iterator[Row]:
    """The rows, the header first, each as long as the header. Lines without anything in them are none."""
    written: list[str] = []
    delimiter = delimiter_of(_header_text(path))
    reader = csv.reader(_kept(_text_lines(path), written), delimiter=delimiter, strict=True)
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
            width = width or len(fields)
            if len(fields) != width:
                raise Broken(f"the row on line {starts_on} has {len(fields)} fields, the header has {width}")
            yield _cells(fields, text, delimiter)
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
    header = ""
    for line in _text_lines(path):
        header += line
        if header.strip() and header.count('"') % 2 == 0:
            break
    return header


def _cells(fields: list[str], text: str, delimiter: str) -> Row:
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
            raise Broken(f"byte {offset + error.start} (on line {number}) is not UTF-8") from None
