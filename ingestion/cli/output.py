"""What commands say: results to stdout, everything else to stderr, and the options that all of them share."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Annotated, Any, Final, Protocol

import typer

from feature_repo.errors import PikkitError
from ingestion.cli.terminal import Style, styled
from ingestion.progress import Progress
from ingestion.wording import span

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Now = Annotated[
    str | None, typer.Option("--now", metavar="INSTANT", help="Stop the clock here (ISO 8601), not at the time.")
]


# Between columns, and the least that a column of text is broken to.
_GAP = "  "
_NARROWEST = 24
# What a command says of a view, a run, a check or a gate, where it is a whole cell.
_STATES: Final[dict[str, Style]] = {
    **dict.fromkeys(("fresh", "done", "passed", "ok"), "good"),
    **dict.fromkeys(("stale", "never", "warned", "warn", "overridden"), "warning"),
    **dict.fromkeys(("empty", "down", "failed", "FAIL", "refused", "died"), "bad"),
}  # fmt: skip
# Whether the command that runs has printed any of its result.
_result_begun: ContextVar[bool] = ContextVar("result_begun", default=False)
# Seconds after which work that goes on says so again, where no bar shows it.
_SILENCE = 10.0


def say(message: str, style: Style | None = None) -> None:
    """A message for whoever watches, on stderr."""
    sys.stderr.write(f"{styled(_plain_lines(message), style, sys.stderr)}\n")
    sys.stderr.flush()


def say_warning(message: str) -> None:
    """What whoever watches should look at, on stderr."""
    say(f"Warning: {message}", "warning")


def print_line(text: str = "", style: Style | None = None) -> None:
    """A line of the result, on stdout."""
    _write(styled(_plain_lines(text), style, sys.stdout))


def print_state(state: str, text: str, *, width: int) -> None:
    """A line of the result that begins with a state, so many characters wide."""
    shown = plain(state)
    _write(f"{styled(shown, _STATES.get(state), sys.stdout)}{' ' * (width - len(shown))}  {plain(text)}")


def _write(line: str) -> None:
    _result_begun.set(True)
    sys.stdout.write(f"{line}\n")


def plain(text: str) -> str:
    """The text with everything escaped that would do something to a terminal instead of being shown."""
    return text if text.isprintable() else _escaped(text, lambda c: c.encode("unicode_escape").decode())


def _plain_lines(text: str) -> str:
    return "\n".join(map(plain, text.split("\n")))


def _escaped(text: str, escape: Callable[[str], str]) -> str:
    return "".join(c if c.isprintable() else escape(c) for c in text)


def print_wrapped(text: str, *, indent: int = 0, hanging: int = 0) -> None:
    """A paragraph of the result, broken at the width of the terminal.

    It stands `indent` spaces from the left, its second and later lines `hanging` more.
    """
    first, later = " " * indent, " " * (indent + hanging)
    print_line(textwrap.fill(text, _terminal_width(), initial_indent=first, subsequent_indent=later))


def print_json(value: Any) -> None:
    """The result for machines: one JSON document on stdout. It does nothing to a terminal either."""
    print_line(_json_text(value))


def print_json_with_rows(members: dict[str, Any], name: str, rows: Iterable[Any]) -> None:
    """As `print_json` an object of these members and, after them, the array `name` of the rows, one row at a time."""
    start, end = _json_text({**members, name: []}).rsplit("[]", 1)
    before, after = f"{start}[\n", ""
    for row in rows:
        _result_begun.set(True)
        sys.stdout.write(before + textwrap.indent(_json_text(row), "    "))
        before, after = ",\n", "\n  "
    print_line(f"{after}]{end}" if after else f"{start}[]{end}")


def _json_text(value: Any) -> str:
    lines = json.dumps(value, indent=2, default=_jsonable, ensure_ascii=False).split("\n")
    return "\n".join(_escaped(line, lambda c: json.dumps(c)[1:-1]) for line in lines)


def print_table(
    headers: Sequence[str], rows: Iterable[Sequence[Any]], *, wrap: bool = False, cut: bool = False
) -> None:
    """Aligned columns on stdout: numbers to the right, thousands separated, times in UTC with Z.

    `wrap` breaks the last column, which holds text, where the terminal ends; `cut` ends every line there. A pipe has no
    such end.
    """
    headers, rows = [plain(name) for name in headers], list(rows)
    cells = [[_cell(value) for value in row] for row in rows]
    numeric = [bool(rows) and all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(headers))]
    widths = [max(len(line[i]) for line in [headers, *cells]) for i in range(len(headers))]
    if wrap:
        widths[-1] = max(_NARROWEST, _terminal_width() - sum(width + len(_GAP) for width in widths[:-1]))
        cells = [line for row in cells for line in _broken(row, widths[-1])]
    for position, line in enumerate([headers, *cells]):
        aligned = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        )
        text = _GAP.join(aligned).rstrip()
        if cut and (sys.stdout.isatty() or "COLUMNS" in os.environ):
            text = _cut(text, _terminal_width())
        _write(_styled_states(text, line, widths) if position else styled(text, "heading", sys.stdout))


def print_refused(reasons: Mapping[str, int]) -> None:
    """How many rows were refused for each reason, and what would be right instead where there is more to say."""
    print_table(["refused for", "rows"], list(reasons.items()))
    print_advice(reasons)


def print_advice(reasons: Iterable[str]) -> None:
    """What would be right instead of what was refused for these reasons, where there is more to say, each once."""
    from quality.advice import ADVICE

    for sentence in dict.fromkeys(ADVICE[reason] for reason in reasons if reason in ADVICE):
        print_wrapped(f"{sentence}.")


def decimals(values: Iterable[Any]) -> list[str]:
    """Values of one column as text, numbers aligned at the decimal point, null as `-`."""
    parts = [_decimal(value) for value in values]
    width = max((len(whole) for whole, _ in parts), default=0)
    return [f"{whole:>{width}}{fraction}" for whole, fraction in parts]


def report_error(error: PikkitError) -> None:
    """The three parts of an error on stderr: what happened, what state things are in, what to do next."""
    kind = styled(error.kind, "bad", sys.stderr)
    sys.stderr.write(f"{kind}: {_plain_lines(str(error))}\n")
    sys.stderr.flush()


class ErrorDocument(Protocol):
    """Told of an error by its kind, its three parts and data, and the exit code that it ends the command with."""

    def __call__(self, kind: str, error: PikkitError, exit_code: int) -> None:
        """Print it as JSON on stdout."""


@contextmanager
def error_documents(*, wanted: bool) -> Iterator[ErrorDocument]:
    """What prints an error for machines, where that is wanted and no part of a result has been printed inside.

    So stdout holds one document: a result, or the reason why there is none.
    """
    token = _result_begun.set(False)

    def print_document(kind: str, error: PikkitError, exit_code: int) -> None:
        if wanted and not _result_begun.get():
            print_json({"error": _error_document(kind, error, exit_code)})

    try:
        yield print_document
    finally:
        _result_begun.reset(token)


def _error_document(kind: str, error: PikkitError, exit_code: int) -> dict[str, Any]:
    parts = {"what": error.what, "state": error.state, "next_step": error.next_step}
    return {"kind": kind, **parts, "exit_code": exit_code, "data": error.data()}


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


def _terminal_width() -> int:
    return shutil.get_terminal_size().columns


def _styled_states(text: str, cells: Sequence[str], widths: Sequence[int]) -> str:
    """A line of a table, with every cell that is a state in the style of it."""
    ends = list(accumulate(widths, lambda end, width: end + len(_GAP) + width))
    # From the last one, since a style moves what stands behind it.
    for cell, width, end in reversed(list(zip(cells, widths, ends, strict=True))):
        start = end - width
        if cell in _STATES and text[start : start + len(cell)] == cell:
            text = text[:start] + styled(cell, _STATES[cell], sys.stdout) + text[start + len(cell) :]
    return text


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _broken(row: list[str], width: int) -> list[list[str]]:
    """The row, its last cell broken into lines of this width."""
    *others, text = row
    first, *more = textwrap.wrap(text, width) or [""]
    return [[*others, first], *([*([""] * len(others)), line] for line in more)]


def _decimal(value: Any) -> tuple[str, str]:
    if isinstance(value, float):
        whole, _, fraction = f"{value:,.4f}".partition(".")
        return whole, f".{fraction}"
    return str(value).lower() if isinstance(value, bool) else _cell(value), ""


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, timedelta):
        return span(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return plain(str(value))


def _jsonable(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)
