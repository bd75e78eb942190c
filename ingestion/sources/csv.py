"""Bets in a CSV file: a header, commas, double quotes (doubled inside quotes), UTF-8. A field of nothing is null.

A file with a broken quote or a row of the wrong length is refused as a whole, with its line: past such a place nobody
can tell which field is which.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from ingestion.sources.lines import Broken, read_lines
from ingestion.sources.page import Page, build_page
from quality.schema import COLUMNS

# A field as it is written, with its quotes.
_WRITTEN = re.compile(r'("(?:[^"]|"")*"|[^,\r\n]*)(?:,|\r?\n|$)')

Row = list[str | None]


def survey(path: Path) -> tuple[list[str], int]:
    """The file's columns and the number of its rows. Reads all of it: a broken row is found before any is used."""
    rows = _rows(path)
    header = _header(rows)
    return header, sum(1 for _ in rows)


def pages(path: Path, size: int) -> Iterator[Page]:
    """The file's rows in its order, at most `size` a page; every value is text or null."""
    rows = _rows(path)
    header = _header(rows)
    unknown = [name for name in header if name not in COLUMNS]
    while some := list(islice(rows, size)):
        values = zip(*some, strict=True)
        columns = {name: pl.Series(texts, dtype=pl.String) for name, texts in zip(header, values, strict=True)}
        payload = pl.DataFrame(columns).select(pl.struct(pl.all()).struct.json_encode().alias("")).to_series()
        yield build_page(columns, payload, {}, unknown)


def _header(rows: Iterator[Row]) -> list[str]:
    return [name or "" for name in next(rows, [])]


def _rows(path: Path) -> Iterator[Row]:
    """The rows, the header first, each as long as the header. Lines without anything in them are none."""
    written: list[str] = []
    reader = csv.reader(_kept(_text_lines(path), written), strict=True)
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
            yield _cells(fields, text)
        written.clear()
        starts_on = reader.line_num + 1


def _cells(fields: list[str], text: str) -> Row:
    if '""' not in text:
        return [field or None for field in fields]
    # The csv module does not say whether an empty field was quoted; the text does.
    return [field if field or quoted else None for field, quoted in zip(fields, _WRITTEN.findall(text), strict=False)]


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
