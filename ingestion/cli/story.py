"""Work told as numbered steps, with the seconds that each took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ingestion.cli.output import print_line, say
from ingestion.cli.tables import print_table


class Story:
    """Numbered steps with their seconds, told on stdout; only their headings, and on stderr, when `quiet`."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, what: str) -> Iterator[None]:
        """Tell a heading, then time what is done below it."""
        heading = f"{len(self.seconds) + 1}  {name}: {what}"
        say(heading) if self.quiet else print_line(f"\n{heading}", "heading")
        sys.stdout.flush()
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started

    def line(self, text: str) -> None:
        """Tell a result."""
        if not self.quiet:
            print_line(f"   {text}")

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Tell a result in rows."""
        if not self.quiet:
            print_table(headers, rows)
