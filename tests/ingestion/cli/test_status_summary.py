"""`pikkit status` is at most twenty lines of 80 columns, whatever state the store is in, and begins with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import get_args
from uuid import uuid4

import pytest

from feature_repo.bets.vocabulary_version import VocabularyVersion
from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import Unreachable
from ingestion.cli.inspect.status_summary import print_status_summary
from ingestion.runs.record import RunState
from ingestion.runs.status import (
    Alert,
    Contents,
    Copy,
    LastGate,
    LastIntake,
    LastRun,
    OnlineStore,
    StoreStatus,
    ViewState,
    ViewStatus,
)
from ingestion.runs.store_verdict import store_verdict
from ingestion.serving.online_sample import OnlineSample
from tests.builders.bet_files import NOW

RUN = uuid4()
LONG = "\U0001f3c0 <script>" * 60
AGES = (timedelta(minutes=12.3), timedelta(days=1_234))


def contents(state: ViewState, run_state: RunState, age: timedelta, alerts: int) -> Contents:
    """A store in which everything is as long as it can be."""
    copy = Copy(NOW, age, state, LONG)
    sample = OnlineSample(16, 3, 2)
    return Contents(
        views=[ViewStatus(view.name, view.ttl, copy, copy, 10**9, 10**9, sample) for view in STORED_VIEWS],
        missing_columns=[],
        unapplied=[],
        redefined=[],
        vocabulary=VocabularyVersion(0, {}),
        rows={"quarantine.bets, open": 10**9, "quarantine.bets": 10**9},
        features_watermark=NOW,
        newest_known_at=NOW,
        versions_behind=10**9,
        last_run=LastRun(RUN, "quarantine retry", run_state, f"file:{LONG}", NOW, NOW, NOW + age, 1, LONG),
        gate=LastGate(RUN, "overridden", LONG, None, NOW, 10**6, 37, 37, 37, 37),
        intake=LastIntake(RUN, 10**9, 10**9, 10**9),
        streams=[],
        alerts=[Alert(f"source {LONG} {number}", "critical", LONG, NOW) for number in range(alerts)],
        short_run_ids={RUN: str(RUN)},
    )


def states() -> Iterator[StoreStatus]:
    gone = Unreachable("Redis does not answer", "Nothing", "Look", service="Redis")
    for state in get_args(ViewState):
        for run_state in get_args(RunState):
            for age in AGES:
                for alerts in (0, 40):
                    held = contents(state, run_state, age, alerts)
                    yield StoreStatus(NOW, False, [], held, {"raw": 10**15}, OnlineStore(10**15, 10**12), None)
                    yield StoreStatus(NOW, True, [], held, {"raw": 1}, gone, LONG)
    pending = [f"{number:04}_migration" for number in range(40)]
    yield StoreStatus(NOW, False, pending, None, {}, OnlineStore(None, 0), None)


def printed(store: StoreStatus) -> list[str]:
    out = StringIO()
    with redirect_stdout(out):
        print_status_summary(store)
    return out.getvalue().splitlines()


def test_status_of_any_store_is_twenty_lines_of_eighty_columns_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    for store in states():
        lines = printed(store)
        assert (len(lines) <= 20, [line for line in lines if len(line) > 80]) == (True, [])


def test_status_begins_with_the_verdict_and_has_a_line_for_each_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    held = contents("fresh", "done", timedelta(minutes=5), 0)
    store = StoreStatus(NOW, False, [], replace(held, alerts=[]), {}, OnlineStore(1, 1), None)
    first, blank, heading, *lines = printed(store)
    assert (first, blank) == (store_verdict(store), "")
    assert [line.split()[0] for line in lines[: len(STORED_VIEWS)]] == [view.name for view in STORED_VIEWS]
    assert [line.split("  ")[0] for line in lines[len(STORED_VIEWS) + 1 :]] == [
        "Last run", "Gate", "Intake", "Alerts", "Storage", "More",
    ]  # fmt: skip
    assert heading.split() == ["view", "TTL", "offline", "age", "online", "age", "equal"]
