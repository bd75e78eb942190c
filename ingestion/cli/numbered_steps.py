"""Progress of a command that has numbered steps, with the seconds that each took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ingestion.cli.output import print_line, say
from ingestion.cli.tables import print_table


class Story:
    """Numbered steps, printed on stdout with their results. When `quiet` only their headings are, on stderr.

    `seconds` has the duration of each step that is over, by its name.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, what: str) -> Iterator[None]:
        """Print the heading of a step, and time what is done inside."""
        heading = f"{len(self.seconds) + 1}  {name}: {what}"
        say(heading) if self.quiet else print_line(f"\n{heading}", "heading")
        sys.stdout.flush()
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started

    def line(self, text: str) -> None:
        """Print a line of a step's result."""
        if not self.quiet:
            print_line(f"   {text}")

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Print a table of a step's result."""
        if not self.quiet:
            print_table(headers, rows)
