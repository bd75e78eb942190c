"""Numbers, lengths of time and errors in words, and text that controls nothing: of what commands print, and of what
errors and checks say.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta


def span(length: timedelta) -> str:
    """A length of time in its largest unit: 45 min, 1.5 h, 30 d."""
    seconds = length.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def counted(number: int, noun: str) -> str:
    """How many there are of something.

    >>> [counted(number, "row") for number in (0, 1, 2_000)]
    ['0 rows', '1 row', '2,000 rows']
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def quantity(value: float, digits: int) -> str:
    """A measured value: with so many digits, or as a whole number where it is one or has more digits before the point.

    >>> [quantity(value, 4) for value in (27_222.0, 123_456.7, 0.123456, 1e-9, float("inf"))]
    ['27,222', '123,457', '0.1235', '1e-09', 'inf']
    """
    return f"{value:,.0f}" if value.is_integer() or abs(value) >= 10**digits else f"{value:.{digits}g}"


def percent(share: float) -> str:
    """A share in percent, with no more digits than matter; never 100 % where something is missing.

    >>> [percent(share) for share in (1.0, 0.99996, 0.5, 0.0123, 0.0)]
    ['100 %', '99.9 %', '50 %', '1.23 %', '0 %']
    """
    if 0.999 < share < 1:
        return "99.9 %"
    return f"{quantity(100 * share, 3)} %"


def data_size(size: float) -> str:
    """Bytes in the largest unit that is smaller.

    >>> [data_size(size) for size in (999, 85_300_000, 3e15)]
    ['999 B', '85.3 MB', '3,000 TB']
    """
    *units, largest = ("B", "kB", "MB", "GB", "TB")
    for unit in units:
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.0f} {largest}"


def first_line(text: str) -> str:
    r"""The first line of an error, without the colon that announces the others.

    >>> first_line("2 checks failed:\n  - one")
    '2 checks failed'
    """
    return text.split("\n")[0].removesuffix(":")


def plain(text: str) -> str:
    r"""The text with every unprintable character escaped, so that it cannot control a terminal.

    >>> plain("NBA \x1b[2J")
    'NBA \\x1b[2J'
    """
    return text if text.isprintable() else escaped(text, lambda c: c.encode("unicode_escape").decode())


def plain_lines(text: str) -> str:
    """As `plain`, but line breaks stay."""
    return "\n".join(map(plain, text.split("\n")))


def escaped(text: str, escape: Callable[[str], str]) -> str:
    """The text with every character that is not printable replaced by what `escape` makes of it."""
    return "".join(c if c.isprintable() else escape(c) for c in text)


def cut(text: str, length: int) -> str:
    """The text, printable, its end replaced by … where it is longer.

    >>> cut("Over/Under", 5)
    'Over…'
    """
    printable = plain(text)
    return printable if len(printable) <= length else f"{printable[: length - 1]}…"
