"""One gate: a limit on one measure of a refresh."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

#: What a gate looks at: the rows that are new, or everything that would be published.
Scope = Literal["batch", "dataset"]
#: What follows from a value outside the limit: a refusal; an alert that rings; a word in the verdict.
Severity = Literal["fail", "alert", "warn"]
Operator = Literal["<=", ">=", "between"]


@dataclass(frozen=True)
class Gate:
    """A limit on a measure. A value exactly at the limit keeps it."""

    name: str
    scopes: tuple[Scope, ...]
    severity: Severity
    operator: Operator
    threshold: float
    #: The other end of "between", None otherwise.
    upper: float | None
    #: With fewer rows the gate is not judged.
    min_rows: int
    #: With fewer rows on the wrong side a share passes, so that one bad row never stops the line.
    min_failing_rows: int
    meaning: str

    @property
    def limit(self) -> str:
        """The limit in words that follow "must be": `<= 0.05`."""
        if self.operator == "between":
            return f"between {_text(self.threshold)} and {_text(self.upper)}"
        return f"{self.operator} {_text(self.threshold)}"

    def allows(self, value: Fraction | float) -> bool:
        """Whether the value keeps the limit, compared as the decimal numbers that people wrote: 7 of 100 is 0.07."""
        found, threshold = _exact(value), _exact(self.threshold)
        if self.operator == ">=":
            return found >= threshold
        if self.operator == "<=":
            return found <= threshold
        return self.upper is not None and threshold <= found <= _exact(self.upper)


Gates: TypeAlias = tuple[Gate, ...]


def _exact(number: Fraction | float) -> Fraction:
    # Rounded first: a mean of floats that should be 0.08 may be 0.08000000000000002.
    return Fraction(repr(round(number, 12))) if isinstance(number, float) else Fraction(number)


def _text(number: float | None) -> str:
    return "nothing" if number is None else f"{number:.12g}"
