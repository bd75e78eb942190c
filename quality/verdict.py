"""What the gates say about a refresh. Whoever only reads verdicts needs nothing of what judges: no frames, no SciPy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from quality.gates.gate import Scope, Severity

VerdictState = Literal["passed", "warned", "failed", "not judged"]


@dataclass(frozen=True)
class Verdict:
    """What one gate says of one scope."""

    gate: str
    scope: Scope
    severity: Severity
    #: "failed" refuses the refresh: the limit of a gate that fails is broken, or the evidence of any gate is unusable.
    state: VerdictState
    #: Shares as fractions of 1, ages in the unit of the gate's name; None where there was nothing to measure.
    value: float | None
    #: What the value must be: `<= 0.05`.
    threshold: str
    #: How many rows the value was measured on.
    rows: int
    note: str | None
    #: One SQL statement that shows the rows behind the value.
    query: str
    #: Ids of a few of the bets among these rows; none where the query names no bets, or nothing was wrong.
    examples: Sequence[str] = ()


@dataclass(frozen=True)
class Tally:
    """How many checks came out how. `not_judged`: why not -> how many."""

    checks: int
    failed: int
    warned: int
    not_judged: dict[str, int]

    @classmethod
    def of(cls, verdicts: Sequence[Verdict], *, has_new_rows: bool) -> Tally:
        """The tally of some verdicts. `has_new_rows`: whether there was anything new to judge."""
        states = Counter(verdict.state for verdict in verdicts)
        reasons = Counter(why_not(one, has_new_rows=has_new_rows) for one in verdicts if one.state == "not judged")
        return cls(len(verdicts), states["failed"], states["warned"], dict(reasons.most_common()))

    @property
    def judged(self) -> int:
        """How many checks had something to judge."""
        return self.checks - sum(self.not_judged.values())

    @property
    def counts(self) -> dict[str, int | dict[str, int]]:
        """How many checks there are in each state, and why some were not judged, for documents."""
        return {
            "checks": self.checks,
            "judged": self.judged,
            "failed": self.failed,
            "warned": self.warned,
            "not_judged": sum(self.not_judged.values()),
            "not_judged_because": self.not_judged,
        }

    def __str__(self) -> str:
        words = f"{self.judged} judged, {self.failed} failed, {self.warned} warned"
        return f"{words}; {skipped(self.not_judged)}" if self.not_judged else words


def why_not(verdict: Verdict, *, has_new_rows: bool) -> str:
    """Why a check was not judged."""
    if verdict.rows:
        return "too few rows"
    return "nothing to compare" if has_new_rows or verdict.scope == "dataset" else "no new rows"


def skipped(not_judged: Mapping[str, int]) -> str:
    """How many checks were not judged, and why.

    >>> skipped({"no new rows": 15}), skipped({"no new rows": 12, "too few rows": 3})
    ('15 not judged: no new rows', '15 not judged: 12 no new rows, 3 too few rows')
    """
    reasons = [f"{number} {reason}" if len(not_judged) > 1 else reason for reason, number in not_judged.items()]
    return f"{sum(not_judged.values())} not judged: {', '.join(reasons)}"


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

    def _in_state(self, state: VerdictState) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.state == state)
