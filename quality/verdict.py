"""What the gates say about a refresh. Whoever only reads verdicts needs nothing of what judges: no frames, no SciPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from quality.gates.gate import Scope, Severity

State = Literal["passed", "warned", "failed", "not judged"]


@dataclass(frozen=True)
class Verdict:
    """What one gate says of one scope."""

    gate: str
    scope: Scope
    severity: Severity
    #: "failed" refuses the refresh: the limit of a gate that fails is broken, or the evidence of any gate is unusable.
    state: State
    #: Shares as fractions of 1, ages in the unit of the gate's name; None where there was nothing to measure.
    value: float | None
    #: What the value must be: `<= 0.05`.
    threshold: str
    #: How many rows the value was measured on.
    rows: int
    note: str | None
    #: One SQL statement that shows the rows behind the value.
    query: str


@dataclass(frozen=True)
class Judgement:
    """All verdicts on one refresh, in the order of the configuration."""

    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Whether the refresh may be published: no verdict failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """What refuses the refresh."""
        return self._in_state("failed")

    @property
    def warned(self) -> tuple[Verdict, ...]:
        """What is outside its limit and refuses nothing."""
        return self._in_state("warned")

    @property
    def alerts(self) -> tuple[Verdict, ...]:
        """What must ring: gates of severity "alert" outside their limit. A refusal rings by itself."""
        return tuple(verdict for verdict in self.warned if verdict.severity == "alert")

    def _in_state(self, state: State) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.state == state)
