"""How far a command is, on stderr: a bar on a terminal, a line per finished step elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ingestion.cli.output import say
from ingestion.progress import Progress

# Seconds after which work that goes on says so again, where no bar shows it.
_SILENCE = 10.0


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A progress bar on a terminal; one line per finished step elsewhere (cron, CI)."""
    if sys.stderr.isatty():
        with _bar() as report:
            yield report
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[waiting]}"),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def report(step: str, done: int, total: int | None, *, waiting: str = "") -> None:
            if step not in tasks:
                for earlier in bar.tasks:  # one without a total never looks finished
                    bar.update(earlier.id, visible=earlier.total is not None)
                tasks[step] = bar.add_task(step, total=total, waiting="")
            if waiting:  # the bar stays where it is
                bar.update(tasks[step], waiting=f"waiting {waiting}")
            else:
                bar.update(tasks[step], completed=done, total=total, waiting="")

        yield report


def _lines() -> Progress:
    last_said = time.monotonic()

    def report(step: str, done: int, total: int | None, *, waiting: str = "") -> None:
        nonlocal last_said
        finished = total is not None and done == total
        if not (waiting or finished or time.monotonic() - last_said > _SILENCE):
            return
        last_said = time.monotonic()
        count = f"{done:,}" if finished or total is None else f"{done:,} of {total:,}"
        say(f"  {step}: waiting {waiting}" if waiting else f"  {step}: {count}")

    return report
