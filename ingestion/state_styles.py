"""The style of every state that commands print as a whole cell, one mapping for each kind of state.

A test holds that each mapping has all states of its kind.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ingestion.cli.terminal import Style
    from ingestion.doctor.check import CheckOutcome
    from ingestion.gates.publication import PublicationState
    from ingestion.report.kept_audits import AuditState
    from ingestion.runs.record import RunState
    from ingestion.runs.status import ViewState
    from quality.verdict import VerdictState

VIEW_STYLES: Final[Mapping[ViewState, Style | None]] = {
    "fresh": "good",
    "stale": "warning",
    "ahead": "bad",
    "never": "warning",
    "redefined": "warning",
    "empty": "bad",
    "incomplete": "bad",
    "differs": "bad",
    "down": "bad",
}
RUN_STYLES: Final[Mapping[RunState, Style | None]] = {
    "running": None,
    "done": "good",
    "refused": "bad",
    "failed": "bad",
    "died": "bad",
}
VERDICT_STYLES: Final[Mapping[VerdictState, Style | None]] = {
    "passed": "good",
    "warned": "warning",
    "failed": "bad",
    "not judged": None,
}
PUBLICATION_STYLES: Final[Mapping[PublicationState, Style | None]] = {
    "passed": "good",
    "refused": "bad",
    "overridden": "warning",
}
CHECK_STYLES: Final[Mapping[CheckOutcome, Style | None]] = {"ok": "good", "warn": "warning", "FAIL": "bad"}
AUDIT_STYLES: Final[Mapping[AuditState, Style | None]] = {
    "clean": "good",
    "leak": "bad",
    "alarm": "bad",
    "blind": "warning",
    "shown": None,
    "not judged": None,
}

STYLES_BY_KIND: Final[Sequence[Mapping[Any, Style | None]]] = (
    VIEW_STYLES,
    RUN_STYLES,
    VERDICT_STYLES,
    PUBLICATION_STYLES,
    CHECK_STYLES,
    AUDIT_STYLES,
)
# A cell does not say which kind of state it is: a word that two kinds have is of one style.
STATE_STYLES: Final[Mapping[str, Style | None]] = dict(ChainMap(*map(dict, STYLES_BY_KIND)))
