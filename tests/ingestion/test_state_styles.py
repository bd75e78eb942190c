"""Every state that a command prints has a style, and every word has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from ingestion import state_styles
from ingestion.doctor.check import CheckOutcome
from ingestion.gates.publication import PublicationState
from ingestion.report.kept_audits import AuditState
from ingestion.runs.record import RunState
from ingestion.runs.status import ViewState
from quality.verdict import VerdictState


@pytest.mark.parametrize(
    ("states", "styles"),
    [
        (ViewState, state_styles.VIEW_STYLES),
        (RunState, state_styles.RUN_STYLES),
        (VerdictState, state_styles.VERDICT_STYLES),
        (PublicationState, state_styles.PUBLICATION_STYLES),
        (CheckOutcome, state_styles.CHECK_STYLES),
        (AuditState, state_styles.AUDIT_STYLES),
    ],
)
def test_every_state_of_a_kind_has_a_style(states: Any, styles: Mapping[str, str | None]) -> None:
    assert set(styles) == set(get_args(states))


def test_word_shared_by_two_kinds_of_state_has_a_single_style() -> None:
    assert [
        (word, style)
        for styles in state_styles.STYLES_BY_KIND
        for word, style in styles.items()
        if state_styles.STATE_STYLES[word] != style
    ] == []
