"""A clock that runs ahead is refused before it locks the store; one that it locked comes back to the present."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from feature_repo import clock
from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import ClockAhead, ClockRewound, ConfigurationError
from feature_repo.online_store.watermarks import read_watermarks
from feature_repo.servers.connections import Connections
from feature_repo.store import store_at
from ingestion.database.access import connect
from ingestion.doctor.postgres import check_postgres
from ingestion.pipeline import compare, run_reconcile, run_sync
from ingestion.quarantine.refused_rows import Selection
from ingestion.quarantine.retry import retry_quarantined
from ingestion.runs.record import uuid7
from ingestion.runs.status import store_status
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import bet, jsonl, lost
from tests.rigs.commands import by_name
from tests.rigs.lenient_pipeline import run, run_backfill

# The database's clock cannot be moved, so these stores live in its present.
PRESENT = datetime.now(UTC)
HOUR = timedelta(hours=1)
AHEAD = timedelta(days=90)


def placed(bet_id: str, hours: float, make: Callable[..., Any] = bet, **differs: Any) -> dict[str, Any]:
    """A bet that was placed so many hours before the present, and settled a minute later."""
    at = PRESENT - hours * HOUR
    stamps = {"time_placed": at.isoformat(), "created_at": at.isoformat()}
    return make(bet_id, **stamps, **{"updated_at": (at + timedelta(minutes=1)).isoformat()} | differs)


@pytest.fixture
def load(prepared: Connections, tmp_path: Path) -> Callable[..., Any]:
    def load(*bets: Any, at: datetime, **options: Any) -> Any:
        clock.set_now(at)
        return run(prepared, open_file(jsonl(tmp_path / "bets.jsonl", *bets)), **options)

    return load


def rows(connections: Connections, query: Any) -> list[Any]:
    with connect(connections.postgres, purpose="test") as connection:
        return connection.execute(query).fetchall()


def test_clock_more_than_an_hour_ahead_of_the_database_is_refused_by_every_verb_before_a_run_is_recorded(
    prepared: Connections, load: Callable[..., Any], tmp_path: Path
) -> None:
    far = datetime.now(UTC) + timedelta(minutes=70)
    file = open_file(jsonl(tmp_path / "bets.jsonl", placed("a", 5)))
    for verb in (
        lambda: load(placed("a", 5), at=far),
        lambda: run_sync(prepared, file),
        lambda: run_reconcile(prepared, file),  # type: ignore[arg-type]
        lambda: run_backfill(prepared),
        lambda: retry_quarantined(prepared, Selection()),
    ):
        with pytest.raises(ClockAhead, match="--clock-ahead") as refused:
            verb()
        assert timedelta(minutes=60) < refused.value.ahead <= timedelta(minutes=70)
    assert rows(prepared, "select count(*) from ops.runs") == [(0,)]
    load(placed("a", 5), at=datetime.now(UTC) + timedelta(minutes=50))


def test_a_store_that_a_clock_ahead_has_locked_is_rewound_to_the_present_and_runs_again(
    prepared: Connections, load: Callable[..., Any]
) -> None:
    first = [placed("a", 5, clv_percentage=1.0), placed("b", 4, lost)]
    load(*first, at=PRESENT - 3 * HOUR)
    before = rows(prepared, "select * from features.sport_stats_changes order by event_timestamp")
    # What comes while the clock is ahead counts from then: a regrade, a new bet, and a regrade of the regrade.
    load(*first, placed("c", 2), placed("a", 1, lost), at=PRESENT + AHEAD, clock_ahead=True)
    load(placed("d", 2), placed("a", 0.5), at=PRESENT + AHEAD + HOUR, clock_ahead=True)
    load(placed("e", 0.4, sport="Tennis"), at=PRESENT + AHEAD + 2 * HOUR, clock_ahead=True)
    moved = rows(prepared, "select seq, known_at from processed.bet_versions where known_at > now() order by seq")
    assert moved

    clock.set_now(PRESENT)
    with pytest.raises(ClockRewound, match="`pikkit backfill --rewind`"):
        load(placed("f", 0.2), at=PRESENT)
    assert by_name(check_postgres(prepared.postgres))["store clock"].verdict == "FAIL"
    found = store_status(prepared, PRESENT).contents
    assert found is not None
    assert {(view.offline.state, view.online.state) for view in found.views} == {("ahead", "ahead")}

    done = run_backfill(prepared, rewound=True)
    assert done.summary.versions_rewound == len(moved)
    found = store_status(prepared, PRESENT).contents
    assert found is not None
    assert {(view.offline.state, view.online.state) for view in found.views} == {("fresh", "fresh")}
    assert [one.name for one in compare(prepared) if one.differences] == []
    assert by_name(check_postgres(prepared.postgres))["store clock"].verdict == "ok"

    # What was believed up to the present stays; the log is in the order of knowledge; nothing lies in the future.
    history = rows(prepared, "select * from features.sport_stats_changes order by event_timestamp")
    assert history[: len(before)] == before
    known = rows(prepared, "select known_at from processed.bet_versions order by seq")
    assert known == sorted(known)
    assert known[-1][0] < PRESENT + timedelta(seconds=1)
    assert rows(
        prepared,
        "select count(*) from raw.bet_versions join processed.bet_versions as log using (seq)"
        " where raw.bet_versions.known_at <> log.known_at",
    ) == [(0,)]
    assert rows(prepared, "select seq, known_at from ops.rewound_versions order by seq") == moved
    assert rows(prepared, "select rewound_from - rewound_to from ops.rewinds") == [(AHEAD + 2 * HOUR,)]
    with redis.Redis.from_url(prepared.redis.url) as client:
        online_watermarks = read_watermarks(client, "pikkit").views.values()
    ((features_watermark,),) = rows(prepared, "select features_watermark from features.watermark")
    assert {watermark.instant for watermark in online_watermarks} == {int(features_watermark.timestamp() * 1_000_000)}
    ends = [
        end
        for view in STORED_VIEWS
        for _, end in store_at(prepared).get_feature_view(view.name).materialization_intervals
    ]
    assert max(ends) <= features_watermark

    # And it goes on: what comes now counts from now.
    later = PRESENT + timedelta(minutes=30)
    load(placed("f", 0.2, lost), at=later)
    assert [one.name for one in compare(prepared) if one.differences] == []
    assert rows(prepared, "select features_watermark from features.watermark") == [(later,)]
    with pytest.raises(ConfigurationError, match="not refreshed later than the clock says"):
        run_backfill(prepared, rewound=True)


def test_rewind_to_the_past_is_refused_and_no_bet_is_known_before_the_placement(
    prepared: Connections, load: Callable[..., Any]
) -> None:
    load(placed("a", 5), at=PRESENT - 4 * HOUR)
    clock.set_now(PRESENT - 5 * HOUR)
    with pytest.raises(ConfigurationError, match="to the present only"):
        run_backfill(prepared, rewound=True)
    load(placed("a", 5), placed("from the future", -24), at=PRESENT + AHEAD, clock_ahead=True)
    clock.set_now(PRESENT)
    with pytest.raises(ConfigurationError, match=r"1 bets of the log.*from the future.*--clock-ahead --now"):
        run_backfill(prepared, rewound=True)
    assert rows(prepared, "select count(*) from ops.rewinds") == [(0,)]

    # Mended as the error says: what was replaced since would come before its bet, and never counts.
    later = {"updated_at": (PRESENT + AHEAD).isoformat()}
    mended, gone = placed("from the future", 3) | later, placed("gone", -24) | later
    load(gone, mended, at=PRESENT + AHEAD + HOUR, clock_ahead=True)
    deleted = gone | {"updated_at": (PRESENT + AHEAD + HOUR).isoformat(), "is_deleted": True}
    load(deleted, at=PRESENT + AHEAD + 2 * HOUR, clock_ahead=True)
    clock.set_now(PRESENT)
    run_backfill(prepared, rewound=True)
    assert [one.name for one in compare(prepared) if one.differences] == []
    latest = "select max(event_timestamp) < now() + interval '1 minute' from features.bet_facts_changes"
    assert rows(prepared, latest) == [(True,)]
    counted = "select id, is_deleted from processed.bet_versions where not is_superseded and previous_seq is null"
    assert sorted(rows(prepared, counted)) == [("a", False), ("from the future", False), ("gone", True)]


def test_run_ids_sort_after_ids_made_on_a_clock_ahead() -> None:
    ahead = uuid7(after=uuid7())
    for _ in range(3):
        following = uuid7(after=ahead)
        assert (following > ahead, following.version) == (True, 7)
        ahead = following
