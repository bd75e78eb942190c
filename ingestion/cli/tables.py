"""Results in columns on stdout: tables, refused rows by their reasons, states in their colours."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from ingestion.cli.output import broken_lines, has_edge, print_wrapped, terminal_width, write_line
from ingestion.cli.terminal import styled
from ingestion.state_styles import STATE_STYLES
from ingestion.wording import plain, span

# Between columns, and the least that a column of text is broken to.
_GAP = "  "
_NARROWEST = 24


def print_state(state: str, text: str, *, width: int, hanging: int) -> None:
    """A line of the result that begins with a state, so many characters wide.

    It is broken where the terminal ends; the rest stands `hanging` more from the left.
    """
    printable = plain(state)
    lines = f"{printable}{' ' * (width - len(printable))}{_GAP}{plain(text)}"
    if has_edge(sys.stdout):
        lines = broken_lines(lines, later=" " * (width + len(_GAP) + hanging))
    write_line(f"{styled(printable, STATE_STYLES.get(state), sys.stdout)}{lines.removeprefix(printable)}")


def print_table(
    headers: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    wrap: bool = False,
    cut: bool = False,
    width: int | None = None,
) -> None:
    """Aligned columns on stdout: numbers to the right, thousands separated, times in UTC with Z.

    `wrap` breaks the last column, which holds text, where the terminal ends; `cut` ends every line there. A pipe has no
    such end. `width` ends every line after so many characters, wherever it is printed.
    """
    headers, rows = [plain(name) for name in headers], list(rows)
    cells = [[_cell(value) for value in row] for row in rows]
    numeric = [bool(rows) and all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(headers))]
    widths = [max(len(line[i]) for line in [headers, *cells]) for i in range(len(headers))]
    if wrap:
        widths[-1] = max(_NARROWEST, terminal_width() - sum(width + len(_GAP) for width in widths[:-1]))
        cells = [line for row in cells for line in _broken(row, widths[-1])]
    for position, line in enumerate([headers, *cells]):
        aligned = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        )
        text = _GAP.join(aligned).rstrip()
        if width is not None or (cut and has_edge(sys.stdout)):
            text = _cut(text, width or terminal_width())
        write_line(_styled_states(text, line, widths) if position else styled(text, "heading", sys.stdout))


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


def _styled_states(text: str, cells: Sequence[str], widths: Sequence[int]) -> str:
    """A line of a table, with every cell that is a state in the style of it."""
    ends = list(accumulate(widths, lambda end, width: end + len(_GAP) + width))
    # From the last one, since a style moves what stands behind it.
    for cell, width, end in reversed(list(zip(cells, widths, ends, strict=True))):
        start = end - width
        if cell in STATE_STYLES and text[start : start + len(cell)] == cell:
            text = text[:start] + styled(cell, STATE_STYLES[cell], sys.stdout) + text[start + len(cell) :]
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
