"""Lines of the result on stdout; messages and warnings on stderr. Control characters are escaped in both."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from contextvars import ContextVar
from typing import TextIO

from feature_repo.servers.redaction import redacted
from ingestion.cli.terminal import Style, styled
from ingestion.wording import plain_lines

# How lines begin that may be a query.
_QUERY = " " * 6
# Whether the command that runs has printed any of its result.
result_begun: ContextVar[bool] = ContextVar("result_begun", default=False)


def say(message: str, style: Style | None = None) -> None:
    """Print a message on stderr, at once, without secrets."""
    sys.stderr.write(f"{styled(message_lines(message), style, sys.stderr)}\n")
    sys.stderr.flush()


def say_warning(message: str) -> None:
    """Print a warning on stderr."""
    say(f"Warning: {message}", "warning")


def print_line(text: str = "", style: Style | None = None) -> None:
    """Print a line of the result on stdout."""
    write_line(styled(plain_lines(text), style, sys.stdout))


def write_line(line: str) -> None:
    """Print a line of the result on stdout without escaping anything: colour codes stay."""
    result_begun.set(True)
    sys.stdout.write(f"{line}\n")


def message_lines(message: str) -> str:
    """A message as it is printed on stderr: without secrets and control characters, broken where the terminal ends.

    Elsewhere, as in the log of a job, a message stays a line, so that it can be searched for. What is indented by more
    than a list, as a query is, is never broken.
    """
    lines = plain_lines(redacted(message))
    if not has_edge(sys.stderr):
        return lines
    return "\n".join(
        line if line.startswith(_QUERY) else broken_lines(line, later="    " if line.startswith(" ") else "")
        for line in lines.split("\n")
    )


def broken_lines(text: str, *, first: str = "", later: str = "") -> str:
    """A paragraph, broken at the width of the terminal: at spaces, and at none in a `command`, which can be copied.

    Its first line begins with `first`, the others with `later`.
    """
    escaped = text.replace("\xa0", "\\xa0")
    whole = re.sub("`[^`]*`", lambda command: command[0].replace(" ", "\xa0"), escaped)
    return textwrap.fill(
        whole,
        terminal_width(),
        initial_indent=first,
        subsequent_indent=later,
        break_on_hyphens=False,
        break_long_words=False,
    ).replace("\xa0", " ")


def print_sentence(text: str) -> None:
    """A sentence of the result, broken where the terminal ends; a pipe gets it as a line, which can be searched for."""
    print_wrapped(text) if has_edge(sys.stdout) else print_line(text)


def print_wrapped(text: str, *, indent: int = 0, hanging: int = 0) -> None:
    """A paragraph of the result, broken at the width of the terminal.

    It stands `indent` spaces from the left, its second and later lines `hanging` more.
    """
    first, later = " " * indent, " " * (indent + hanging)
    print_line(broken_lines(text, first=first, later=later))


def has_edge(stream: TextIO) -> bool:
    """Whether lines of the stream end somewhere: at the width of a terminal, or where COLUMNS says."""
    return stream.isatty() or "COLUMNS" in os.environ


def terminal_width() -> int:
    """Columns of the terminal; COLUMNS where it is set, 80 where there is none."""
    return shutil.get_terminal_size().columns
