"""What a gate measures, and how: the evidence it needs, and the value it takes from it."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from quality.gates.gate import Scope
from quality.gates.required_evidence import Needs, Provided, Unusable


@dataclass(frozen=True)
class MeasuredValue:
    """A value, exact where it is a share. None says that there was nothing to measure."""

    value: Fraction | float | None
    #: How many rows it was measured on.
    rows: int
    note: str | None = None
    #: Of a share: how many rows are on the wrong side.
    failing: int | None = None


@dataclass(frozen=True)
class Measure:
    """How one gate is measured in one scope."""

    gate: str
    scope: Scope
    #: Nothing else of the evidence can be read by `of`.
    needs: Needs
    of: Callable[[Provided], MeasuredValue]
    #: A share of rows: its limits lie between 0 and 1.
    is_share: bool = False


def failing_share(failing: int, rows: int, words: str) -> MeasuredValue:
    """The share of rows that are as they should not be; `words` says how."""
    return _share(failing, failing, rows, words)


def sound_share(sound: int, rows: int, words: str) -> MeasuredValue:
    """The share of rows that are as they should be; `words` says how the others are."""
    return _share(sound, rows - sound, rows, words)


def _share(part: int, failing: int, rows: int, words: str) -> MeasuredValue:
    if not 0 <= part <= rows:
        raise Unusable(f"the counts contradict each other: {part:,} of {rows:,} rows")
    if not rows:
        return MeasuredValue(None, 0, "no rows", 0)
    return MeasuredValue(Fraction(part, rows), rows, f"{failing:,} of {rows:,} rows {words}", failing)
