"""One clock, in aware UTC, that a setting or a flag can stop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_repo.errors import ConfigurationError
from ingestion import clock
from ingestion.clock import parse_instant

INSTANT = datetime(2026, 5, 24, 15, tzinfo=UTC)


def test_the_clock_runs_by_itself() -> None:
    before = datetime.now(UTC)
    assert before <= clock.now() <= datetime.now(UTC)


def test_a_stopped_clock_stands_still() -> None:
    clock.set_now(INSTANT)
    assert clock.now() == INSTANT


def test_the_environment_stops_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIKKIT_NOW", "2026-05-24T15:00:00Z")
    assert clock.now() == INSTANT


def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIKKIT_NOW", "2020-01-01")
    clock.set_now(INSTANT)
    assert clock.now() == INSTANT


def test_a_released_clock_runs_on() -> None:
    clock.set_now(INSTANT)
    clock.set_now(None)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_clock_takes_no_naive_instant() -> None:
    with pytest.raises(ValueError, match="aware"):
        clock.set_now(datetime(2026, 5, 24))  # noqa: DTZ001 (the very thing)


def test_the_clock_reads_in_utc_wherever_it_was_set() -> None:
    clock.set_now(INSTANT.astimezone(timezone(timedelta(hours=2))))
    assert clock.now().tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-24T15:00:00Z",
        "2026-05-24t15:00:00z",
        "2026-05-24 15:00",
        " 2026-05-24T15:00:00.000000 ",
        "2026-05-24T15:00:00,0+00:00",
        "2026-05-24T17:00:00+02:00",
        "2026-05-24T20:30:00+0530",
        "20260524T150000Z",
        "2026-05-24T10-05",
        "2026-W21-7T15:00:00",
        "2026-05-24T15:00:00.0000009Z",
    ],
)
def test_any_spelling_of_iso_8601_is_read(text: str) -> None:
    assert parse_instant(text) == INSTANT


def test_a_date_is_its_midnight_in_utc() -> None:
    assert parse_instant("2026-05-24") == INSTANT.replace(hour=0)


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 (drawn beside)
def test_what_python_writes_is_read_back(instant: datetime) -> None:
    assert parse_instant(instant.isoformat()) == instant.astimezone(UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "1748098800", "24.05.2026", "0001-01-01T00:00+14:00"])
def test_nonsense_is_refused_with_an_example_of_sense(text: str) -> None:
    with pytest.raises(ConfigurationError, match="2026-05-24T15:00:00Z"):
        parse_instant(text)
