"""One clock, in aware UTC, that a setting or a flag can stop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_repo import clock
from feature_repo.clock import parse_instant
from feature_repo.errors import ConfigurationError

INSTANT = datetime(2026, 5, 24, 15, tzinfo=UTC)


def test_clock_that_is_not_stopped_gives_the_current_time() -> None:
    before = datetime.now(UTC)
    assert before <= clock.now() <= datetime.now(UTC)


def test_clock_stopped_by_set_now_gives_that_instant() -> None:
    clock.set_now(INSTANT)
    assert clock.now() == INSTANT


def test_pikkit_now_in_the_environment_stops_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIKKIT_NOW", "2026-05-24T15:00:00Z")
    assert clock.now() == INSTANT


def test_set_now_wins_over_pikkit_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIKKIT_NOW", "2020-01-01")
    clock.set_now(INSTANT)
    assert clock.now() == INSTANT


def test_clock_that_is_released_runs_on() -> None:
    clock.set_now(INSTANT)
    clock.set_now(None)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_naive_instant_cannot_stop_the_clock() -> None:
    with pytest.raises(ValueError, match="aware"):
        clock.set_now(datetime(2026, 5, 24))  # noqa: DTZ001 (the very thing)


def test_clock_that_is_stopped_in_another_zone_reads_in_utc() -> None:
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
def test_every_spelling_of_iso_8601_names_the_same_instant(text: str) -> None:
    assert parse_instant(text) == INSTANT


def test_date_without_a_time_is_parsed_as_midnight_utc() -> None:
    assert parse_instant("2026-05-24") == INSTANT.replace(hour=0)


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 (drawn beside)
def test_isoformat_of_an_instant_is_parsed_to_the_same_instant(instant: datetime) -> None:
    assert parse_instant(instant.isoformat()) == instant.astimezone(UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "1748098800", "24.05.2026", "0001-01-01T00:00+14:00"])
def test_text_that_is_no_instant_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match="2026-05-24T15:00:00Z"):
        parse_instant(text)
