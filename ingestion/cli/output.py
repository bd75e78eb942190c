"""Lines of the result on stdout; messages and warnings on stderr. Control characters are escaped in both."""

from __future__ import annotations

import shutil
import sys
import textwrap
from contextvars import ContextVar

from feature_repo.servers.redaction import redacted
from ingestion.cli.terminal import Style, styled
from ingestion.wording import plain_lines

# Whether the command that runs has printed any of its result.
result_begun: ContextVar[bool] = ContextVar("result_begun", default=False)


def say(message: str, style: Style | None = None) -> None:
    """Print a message on stderr, at once, without secrets."""
    sys.stderr.write(f"{styled(plain_lines(redacted(message)), style, sys.stderr)}\n")
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


def print_wrapped(text: str, *, indent: int = 0, hanging: int = 0) -> None:
    """A paragraph of the result, broken at the width of the terminal.

    It stands `indent` spaces from the left, its second and later lines `hanging` more.
    """
    first, later = " " * indent, " " * (indent + hanging)
    print_line(textwrap.fill(text, terminal_width(), initial_indent=first, subsequent_indent=later))


def terminal_width() -> int:
    """Columns of the terminal; COLUMNS where it is set, 80 where there is none."""
    return shutil.get_terminal_size().columns
