"""Numbers, lengths of time and errors in words: of what commands print, and of what errors and checks say."""

from __future__ import annotations

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


def first_line(text: str) -> str:
    r"""The first line of an error, without the colon that announces the others.

    >>> first_line("2 checks failed:\n  - one")
    '2 checks failed'
    """
    return text.split("\n")[0].removesuffix(":")
