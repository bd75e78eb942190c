"""Bets in a `.json` file: an array of objects, or JSON lines. Read in pieces, so that memory follows the page.

An element that is no JSON object is a row with a problem, as a line of JSON lines is. An array that breaks stops the
file: past such a place nobody can tell where the next bet begins.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final, TextIO

from ingestion.sources.files import jsonl
from ingestion.sources.files.lines import LONGEST_LINE, Broken
from ingestion.sources.raw_page import RawPage
from quality.schema import BET_COLUMNS

_CHUNK: Final = 1024 * 1024
_ARRAY_ALONE: Final = "Give the array of bets alone, without an object around it: [{...}, {...}]"
_SPACE: Final = " \t\r\n"
_decode = json.JSONDecoder().raw_decode


def survey_json(path: Path, enough: Sequence[Collection[str]]) -> tuple[list[str], int]:
    """See FileType."""
    if _is_array(path):
        return jsonl.survey_lines(_elements(path), enough)
    try:
        columns, row_count = jsonl.survey_jsonl(path, enough)
    except Broken as error:
        raise Broken(f"it is neither a JSON array of bets nor one bet a line ({error})", _ARRAY_ALONE) from None
    has_known = not set(columns).isdisjoint(chain(BET_COLUMNS, *enough))
    if row_count == 1 and not has_known and (member := _member_with_objects(path)) is not None:
        raise Broken(f"it is one object, with an array of objects as its member {member!r}", _ARRAY_ALONE)
    return columns, row_count


def json_pages(path: Path, size: int, wanted: Collection[str], texts: Collection[str]) -> Iterator[RawPage]:
    """See FileType."""
    if _is_array(path):
        return jsonl.pages_of_lines(_elements(path), size, wanted, texts)
    return jsonl.jsonl_pages(path, size, wanted, texts)


def _is_array(path: Path) -> bool:
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            if text := piece.removeprefix(BOM_UTF8).strip(_SPACE.encode()):
                return text.startswith(b"[")
    return False


def _member_with_objects(path: Path) -> str | None:
    """The first member of the object that the file is, if it is one, that is an array of objects."""
    document = json.loads(path.read_bytes())
    members = document.items() if isinstance(document, dict) else ()
    return next((name for name, value in members if isinstance(value, list) and dict in map(type, value)), None)


def _elements(path: Path) -> Iterator[bytes]:
    """The text of each element of the array, as it stands there."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        window = _Window(file)
        window.skip("[")
        is_first = True
        while window.next() != "]":
            if not is_first:
                window.skip(",")
            is_first = False
            yield window.value().encode("utf-8", "surrogateescape") + b"\n"
        window.skip("]")
        window.end()


class _Window:
    """A part of a file's text and a place in it."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._text, self._place, self._gone, self._at_end = file, "", 0, 0, False

    def next(self) -> str:
        """The next character that is not white space. Raises Broken at the end of the file."""
        if (character := self._peek()) is None:
            raise Broken("its array is cut off")
        return character

    def end(self) -> None:
        """Raises Broken where anything but white space follows."""
        if self._peek() is not None:
            raise Broken(f"its array ends before character {self._gone + self._place}, and more follows")

    def skip(self, character: str) -> None:
        """Step over this character."""
        if self.next() != character:
            raise Broken(f"its array breaks at character {self._gone + self._place}: {character!r} is missing")
        self._place += 1

    def value(self) -> str:
        """The text of the JSON value that comes next."""
        self.next()
        while True:
            try:
                _, end = _decode(self._text, self._place)
            except (ValueError, RecursionError) as error:
                if self._at_end:
                    raise Broken(
                        f"its array breaks in the value that starts at character {self._gone + self._place}"
                    ) from error
            else:
                # A number at the end of what was read may go on.
                if end < len(self._text) or self._at_end:
                    text, self._place = self._text[self._place : end], end
                    return text
            if len(self._text) - self._place > LONGEST_LINE:
                raise Broken(
                    f"the value that starts at character {self._gone + self._place} is longer than "
                    f"{LONGEST_LINE >> 20} MiB, or breaks"
                )
            self._read()

    def _peek(self) -> str | None:
        """The next character that is not white space; null at the end of the file."""
        while True:
            while self._place < len(self._text) and self._text[self._place] in _SPACE:
                self._place += 1
            if self._place < len(self._text):
                return self._text[self._place]
            self._read()
            if self._at_end:
                return None

    def _read(self) -> None:
        self._gone += self._place
        more = self._file.read(_CHUNK)
        self._text, self._place = self._text[self._place :] + more, 0
        self._at_end = not more
