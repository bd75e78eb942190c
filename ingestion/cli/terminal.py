"""Colours where a terminal shows them, and output that survives a reader who closes the pipe."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, TextIO

Style = Literal["heading", "good", "warning", "bad"]
# How a terminal is told: bold, green, yellow, red.
_CODES: Final[dict[Style, int]] = {"heading": 1, "good": 32, "warning": 33, "bad": 31}


def styled(text: str, style: Style | None, stream: TextIO) -> str:
    """The text as `stream` shows it in this style: the text itself where there is none, or no colours are shown.

    It is longer than what is seen: widths are counted before.
    """
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style is not None and text and _shows_colours(stream) else text


def _shows_colours(stream: TextIO) -> bool:
    """NO_COLOR says no, then FORCE_COLOR says yes, if they are anything but empty; else it takes a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


@contextmanager
def closable_streams() -> Iterator[None]:
    """Go on when the reader of stdout or stderr closes the pipe (`pikkit run | head -1`).

    What is written after that is dropped: the command does its work, and ends with its own exit code.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _closable(sys.stdout), _closable(sys.stderr)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # as where a service manager has closed it
                stream.flush()
        sys.stdout, sys.stderr = before


class _ClosableFile(io.FileIO):
    """A file that writes to the null device once the reader of its pipe has closed it."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(memoryview(data).cast("B"))


def _closable(stream: TextIO) -> TextIO:
    """The same stream over a `_ClosableFile`; the stream itself where no file descriptor is behind it."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_ClosableFile(descriptor, "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.isatty() or stream is sys.stderr,
    )
