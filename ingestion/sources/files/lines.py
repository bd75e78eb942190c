"""The lines of a text file as bytes, in bounded memory, without a byte order mark."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Collection, Iterator
from pathlib import Path

# No bet is that long. A file without line ends (a JSON array, say) must not be read into memory as one line.
LONGEST_LINE = 16 * 1024 * 1024
# Every column costs a page memory, and the name of each one that no bet has is told.
MOST_COLUMNS = 10_000
LONGEST_NAMES = 1024 * 1024


class Broken(Exception):
    """The file cannot be read as what its suffix says. Says where, and what to do in `mend`."""

    def __init__(self, why: str, mend: str = "Write it anew, or mend it there") -> None:
        self.mend = mend
        super().__init__(why)


def check_column_names(names: Collection[str]) -> None:
    """Raise Broken for more columns than are read, or names that are no names."""
    if len(names) > MOST_COLUMNS:
        raise Broken(f"it has more than {MOST_COLUMNS:,} columns", "Keep the columns that bets have")
    if sum(map(len, names)) > LONGEST_NAMES:
        raise Broken(f"the names of its columns are longer than {LONGEST_NAMES >> 20} MiB", "Give them shorter ones")


class NotUtf8(Broken):
    """A text that is not UTF-8."""

    def __init__(self, why: str) -> None:
        super().__init__(why, "Save it as UTF-8 (in Excel: CSV UTF-8)")


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each line with its line end, after the byte of the file at which it starts."""
    with path.open("rb") as file:
        offset = len(BOM_UTF8) if file.read(len(BOM_UTF8)) == BOM_UTF8 else 0
        file.seek(offset)
        while line := file.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE:
                raise Broken(f"the line that starts at byte {offset} is longer than {LONGEST_LINE >> 20} MiB")
            yield offset, line
            offset += len(line)
