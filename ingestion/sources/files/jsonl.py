"""Bets in a file of JSON lines: one JSON object a line, in UTF-8 (json_rows.py). Blank lines are none.

A line that cannot be read is a row with a problem, and the file goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from ingestion.sources.files.lines import Broken, check_column_names, read_lines
from ingestion.sources.json_rows import NOT_JSON, member_names, raw_page_of, read_record
from ingestion.sources.page import NOT_UTF8, in_pages
from ingestion.sources.raw_page import RawPage
from quality.schema import BET_COLUMNS

_AS_JSON = "Rename it to end in .json, where an array of bets is read"


def survey_jsonl(path: Path, enough: Sequence[Collection[str]]) -> tuple[list[str], int]:
    """See FileType."""
    first = next(_lines(path), b"")
    if first.lstrip().startswith(b"[") and read_record(first, frozenset())[2] == [f"line: {NOT_JSON}"]:
        raise Broken("it is one JSON array, not one bet a line", _AS_JSON)
    return survey_lines(_lines(path), enough)


def survey_lines(lines: Iterator[bytes], enough: Sequence[Collection[str]]) -> tuple[list[str], int]:
    """The columns of these lines, as far as it took to meet all of one set of `enough`; the number of the lines."""
    columns: dict[str, None] = {}
    is_met, rows, first_problem = False, 0, ""
    for line in lines:
        rows += 1
        if not is_met:
            record, _, problems = read_record(line, frozenset(BET_COLUMNS))
            names = [*record, *member_names(record)]
            if not columns.keys() >= set(names):
                columns |= dict.fromkeys(names)
                check_column_names(columns)
                is_met = any(columns.keys() >= set(names) for names in enough)
            first_problem = first_problem or "".join(problems)
    if rows and not columns:
        is_array = rows == 1 and line.lstrip().startswith(b"[")
        raise Broken(f"no line of it holds a bet; the first: {first_problem}", *([_AS_JSON] if is_array else []))
    if (
        rows
        and not line.endswith(b"\n")
        and read_record(line, frozenset())[2] in ([f"line: {NOT_JSON}"], [f"line: {NOT_UTF8}"])
    ):
        raise Broken("its last line is cut off")
    return list(columns), rows


def jsonl_pages(path: Path, size: int, wanted: Collection[str], texts: Collection[str]) -> Iterator[RawPage]:
    """See FileType. Blank lines are none."""
    return pages_of_lines(_lines(path), size, wanted, texts)


def pages_of_lines(
    lines: Iterator[bytes], size: int, wanted: Collection[str], texts: Collection[str]
) -> Iterator[RawPage]:
    """Pages of at most `size` of these rows, each one JSON text in UTF-8."""
    names: set[str] = set()
    for some in in_pages(((len(line), line) for line in lines), size):
        page = raw_page_of(some, wanted, texts)
        names.update(page.columns, page.unknown_columns)
        check_column_names(names)
        yield page


def _lines(path: Path) -> Iterator[bytes]:
    return (line for _, line in read_lines(path) if not line.isspace())
