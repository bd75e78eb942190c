"""What an audit found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from ingestion.report.kept_audits import AuditState
from ingestion.wording import counted

# An audit with one of these is not clean.
UNCLEAN: Final[tuple[AuditState, ...]] = ("leak", "alarm", "blind")
# Findings of a check that are listed; all are counted.
FINDINGS_LISTED: Final = 20


@dataclass(frozen=True)
class LeakFinding:
    """One thing that is not as it should be."""

    #: The bet, the service, or whatever it is of.
    subject: str
    #: The feature or column.
    feature: str
    #: What it should be, and what it is, as text.
    expected: str
    found: str
    why: str = ""


@dataclass(frozen=True)
class AuditCheck:
    """One look at a training set."""

    name: str
    state: AuditState
    #: How many rows, features or vectors were looked at, and how many of these were not as they should be.
    looked_at: int
    found: int
    #: What it says, in one sentence.
    sentence: str
    findings: Sequence[LeakFinding] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Audit:
    """All of it."""

    audit_id: UUID
    #: The clock.
    audited_at: datetime
    service: str
    #: What the features had read of the log.
    log_position: int
    #: Bets of the training set, and of these, how many were compared after each perturbation; 0 where it was not made.
    bets: int
    sampled: int
    checks: Sequence[AuditCheck]

    @property
    def unclean(self) -> list[AuditCheck]:
        """The checks that found something, or could not have."""
        return [check for check in self.checks if check.state in UNCLEAN]

    @property
    def is_clean(self) -> bool:
        """Whether there are none."""
        return not self.unclean

    @property
    def sentence(self) -> str:
        """The verdict."""
        by_state = {state: [check.name for check in self.checks if check.state == state] for state in UNCLEAN}
        if leaks := by_state["leak"]:
            return f"{self.service} leaks: {', '.join(leaks)} {'says' if len(leaks) == 1 else 'say'} so."
        if by_state["alarm"]:
            return (
                f"{self.service} may leak: a model on top of the price gains more than honest features do. Either "
                "somebody knows more than the price, or a feature knows the result."
            )
        if blind := by_state["blind"]:
            return f"Nothing is proved about {self.service}: {', '.join(blind)} could not have found a leak."
        judged = sum(check.state == "clean" for check in self.checks)
        return f"No leak found in {self.service}: {counted(judged, 'check')} of {counted(self.bets, 'bet')} clean."
