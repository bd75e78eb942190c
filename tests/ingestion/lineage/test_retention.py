"""Lineage events that are older than 90 days: what stays of them, and who is told of those that were never sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from feature_repo import clock
from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect
from ingestion.lineage.delivery import deliver_events
from ingestion.lineage.retention import EVENTS_KEPT, expire_events
from ingestion.lineage.settings import LineageSettings
from ingestion.pipeline import run_materialize
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, bet, jsonl
from tests.ingestion.lineage.conftest import events_of
from tests.rigs.commands import environ_of, pikkit_here
from tests.rigs.lenient_pipeline import run

# What the gate of a materialization reads, of a run that wrote a settled bet with a closing line.
RECORD = {("run", "START"), *((f"features.{view.name}", "COMPLETE") for view in STORED_VIEWS)}


@pytest.fixture
def aged(prepared: Connections, tmp_path: Path) -> Connections:
    """A store with a run whose events are a day past the retention."""
    run(prepared, open_file(jsonl(tmp_path / "bets.jsonl", bet("a", 1, clv_percentage=2.0))))
    age(prepared, EVENTS_KEPT + timedelta(days=1))
    return prepared


def age(store: Connections, by: timedelta) -> None:
    with connect(store.postgres, purpose="test", autocommit=True) as connection:
        connection.execute("update ops.lineage_events set event_time = event_time - %s", [by])


def kinds(store: Connections) -> list[tuple[str, str]]:
    with connect(store.postgres, purpose="test") as connection:
        return connection.execute("select job, event_type from ops.lineage_events order by position").fetchall()


def test_of_an_old_run_the_record_of_the_gate_stays_as_names_and_the_copy_goes_on(
    aged: Connections, spec_problems: Callable[[dict[str, Any]], list[str]]
) -> None:
    assert expire_events(aged.postgres) == []
    events = events_of(aged)
    assert set(kinds(aged)) == RECORD
    assert [problem for event in events for problem in spec_problems(event)] == []
    assert max(len(json.dumps(event)) for event in events) < 1_000
    clock.set_now(NOW)
    assert run_materialize(aged, rebuild=True).summary.online.total > 0


def test_events_within_the_retention_stay_whole(aged: Connections) -> None:
    age(aged, -timedelta(days=2))
    before = events_of(aged)
    assert expire_events(aged.postgres) == []
    assert events_of(aged) == before


def test_events_that_a_destination_never_took_are_warned_of_once_and_counted(aged: Connections, tmp_path: Path) -> None:
    with connect(aged.postgres, purpose="test", autocommit=True) as connection:
        connection.execute("insert into ops.lineage_destinations values ('http://dead', 2), ('http://fed', 1000000)")
        number = len(events_of(aged))
        (warning,) = expire_events(aged.postgres)
        assert f"Lineage to http://dead: {number - 2} events" in warning
        assert expire_events(aged.postgres) == []
        counted = connection.execute("select destination, expired_events from ops.lineage_destinations order by 1")
        assert counted.fetchall() == [("http://dead", number - 2), ("http://fed", 0)]
    # What is left of them is sent when somebody asks.
    file = tmp_path / "events.jsonl"
    deliver_events(aged.postgres, LineageSettings(None, file))
    assert [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] == events_of(aged)


def test_a_run_sends_old_events_then_drops_old_events_and_an_old_run_is_said_to_be_incomplete(
    aged: Connections, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    environ = environ_of(aged, tmp_path / "home", PIKKIT_NOW=NOW.isoformat(), PIKKIT_LINEAGE_FILE=str(file))
    with connect(aged.postgres, purpose="test", autocommit=True) as connection:
        connection.execute("insert into ops.lineage_destinations values (%s, 0)", [str(file)])
        (old,) = connection.execute("select run_id from ops.runs").fetchone() or (None,)
    number = len(events_of(aged))
    done = pikkit_here("sync", "--source", jsonl(tmp_path / "bets.jsonl", bet("b", 2)), environ=environ)
    assert (done.returncode, "older than 90 days" in done.stderr) == (0, False)
    assert len(file.read_text(encoding="utf-8").splitlines()) > number
    assert {kind for kind in kinds(aged) if kind[0] not in ("sync", "intake")} == RECORD
    assert {("sync", "START"), ("sync", "COMPLETE")} <= set(kinds(aged))
    assert "The rest is older than 90 days" in pikkit_here("lineage", "--run", str(old), environ=environ).stdout
