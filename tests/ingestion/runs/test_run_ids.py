"""A run is named by the beginning of its id, which is as long as it takes to mean that run alone."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from feature_repo.errors import RunUnknown
from ingestion.runs.run_ids import find_run, short_run_ids
from tests.builders.bet_files import NOW

ALONE = UUID("01a21f10-73aa-784e-bb8e-34e5ff85659b")
SECOND, THIRD = UUID("01a22000-0000-7000-8000-000000000000"), UUID("01a22000-0001-7000-8000-000000000000")


@pytest.fixture
def ran(database: psycopg.Connection) -> psycopg.Connection:
    """A database with a run, and two more that began within one minute of another hour."""
    for run_id in (ALONE, SECOND, THIRD):
        database.execute(
            "insert into ops.runs (run_id, verb, state, code_version, now, started_at)"
            " values (%(run_id)s, 'run', 'done', '0', %(now)s, %(now)s)",
            {"run_id": run_id, "now": NOW},
        )
    return database


def test_a_short_run_id_is_eight_characters_or_as_many_as_are_unique(ran: psycopg.Connection) -> None:
    assert short_run_ids(ran, [THIRD, ALONE]) == {ALONE: "01a21f10", THIRD: "01a22000-0001"}


def test_a_unique_beginning_of_a_run_id_finds_the_run(ran: psycopg.Connection) -> None:
    beginnings = ("01a21f10", "01A21F", " 01a21f1073aa ", str(ALONE), "01a21f10-73")
    assert {find_run(ran, text) for text in beginnings} == {ALONE}


def test_an_ambiguous_beginning_of_a_run_id_names_the_runs(ran: psycopg.Connection) -> None:
    with pytest.raises(RunUnknown, match=r"01a22000-0001 \(run, .*\), 01a22000-0000 \(run,") as ambiguous:
        find_run(ran, "01a22000")
    assert ambiguous.value.candidates == (THIRD, SECOND)


def test_an_unknown_run_id_names_the_last_runs(ran: psycopg.Connection) -> None:
    for text in ("", "x", "01a21f11", f"{ALONE}0", "*"):
        with pytest.raises(RunUnknown, match="the last runs are 01a22000-0001") as unknown:
            find_run(ran, text)
        assert unknown.value.candidates == (THIRD, SECOND, ALONE)


def test_a_store_without_runs_says_that_nothing_ran(database: psycopg.Connection) -> None:
    with pytest.raises(RunUnknown, match="nothing ran yet"):
        find_run(database, "01a21f10")
