"""Rule R6: one table of cases for all places in which it stands; feature_repo/online_store/freshness.py lists them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pandas as pd
import pytest

from feature_repo import clock, scorer
from feature_repo.declarations.views import SPORT_STATS
from feature_repo.online_store.freshness import as_of, is_outside
from feature_repo.online_store.layout import microseconds
from ingestion.runs.status import _copy
from tests.builders.judgements import pass_gates
from tests.feature_repo.conftest import bet
from tests.rigs.online_stores import write_watermark
from tests.rigs.published_store import WATERMARK, Published, insert

HOUR, DAY, SHORTEST = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
TTL = SPORT_STATS.ttl
FEATURE = "sport_stats:sport_count"


@dataclass(frozen=True)
class Case:
    """A group that changed at some instants, and whether it is served to who asks at another, by WATERMARK."""

    group: str
    changes: tuple[datetime, ...]
    asked_at: datetime
    is_served: bool


CASES = (
    Case("no change", (), WATERMARK, False),
    Case("rested for ten days, asked at the watermark", (WATERMARK - 10 * DAY,), WATERMARK, True),
    Case("rested for ten days, asked a TTL after the watermark", (WATERMARK - 10 * DAY,), WATERMARK + TTL, True),
    Case("rested for ten days, asked later than that", (WATERMARK - 10 * DAY,), WATERMARK + TTL + SHORTEST, False),
    Case("rested for ten days, asked nine days ago", (WATERMARK - 10 * DAY,), WATERMARK - 9 * DAY + HOUR, True),
    Case(
        "changed twice, asked a TTL after the watermark",
        (WATERMARK - 10 * DAY, WATERMARK - HOUR),
        WATERMARK + TTL,
        True,
    ),
    Case(
        "changed twice, asked later than that",
        (WATERMARK - 10 * DAY, WATERMARK - HOUR),
        WATERMARK + TTL + SHORTEST,
        False,
    ),
    Case("changed at the watermark, asked a TTL after it", (WATERMARK,), WATERMARK + TTL, True),
    Case("changed past the watermark, asked a TTL after the change", (WATERMARK + HOUR,), WATERMARK + HOUR + TTL, True),
    Case(
        "changed past the watermark, asked later than that",
        (WATERMARK + HOUR,),
        WATERMARK + HOUR + TTL + SHORTEST,
        False,
    ),
)
SERVED = {case.group: case.is_served for case in CASES}


@pytest.fixture
def stored(published: Published, gated: Any) -> Published:
    """The changes of all cases in Postgres, by a run that passed its gate, and the last of each group in Redis."""
    values, newest = dict.fromkeys(SPORT_STATS.features, 1), []
    for case in CASES:
        for change in case.changes:
            insert(published.database, "sport_stats", UUID(int=9), change, {"sport": case.group} | values)
        if case.changes:
            times = dict.fromkeys(("event_timestamp", "created_timestamp"), max(case.changes))
            newest.append({"sport": case.group} | values | times)
    pass_gates(published.database)
    gated.write_to_online_store("sport_stats", pd.DataFrame(newest))
    write_watermark(published.connections.redis, "pikkit", "sport_stats", WATERMARK)
    return published


def test_functions_of_the_online_store_follow_rule_r6() -> None:
    served = {}
    for case in CASES:
        row = microseconds(max(case.changes)) if case.changes else None
        until = as_of(row, microseconds(WATERMARK))
        is_served = until is not None and not is_outside(until, TTL // SHORTEST, microseconds(case.asked_at))
        served[case.group] = is_served
    assert served == SERVED


def test_online_reads_and_the_scorer_follow_rule_r6(stored: Published, gated: Any) -> None:
    score, by_feast, by_scorer = scorer("market_profitability_at_placement_v1", store=gated), {}, {}
    for case in CASES:
        clock.set_now(case.asked_at)
        by_feast[case.group] = gated.get_online_features([FEATURE], [{"sport": case.group}]).to_dict()["sport_count"]
        by_scorer[case.group] = score(bet(case.group, None, None, None)).columns["sport_count"]
    expected = {group: [1 if is_served else None] for group, is_served in SERVED.items()}
    assert by_feast == expected
    assert by_scorer == expected


@pytest.mark.parametrize("way", ["lookup", "as-of"])
def test_training_frames_follow_rule_r6(stored: Published, gated: Any, way: str) -> None:
    entities = pd.DataFrame(
        {"sport": [case.group for case in CASES], "event_timestamp": [case.asked_at for case in CASES]}
    )
    job = gated.get_historical_features(entities, [FEATURE])
    job.way = way
    frame = job.to_df()
    assert dict(zip(frame["sport"], frame["sport_count"].notna(), strict=True)) == SERVED


def test_history_views_follow_rule_r6(stored: Published) -> None:
    query = "select count(*) > 0 from features.sport_stats where sport = %s and event_timestamp between %s and %s"
    served = {
        case.group: stored.database.execute(query, [case.group, case.asked_at - TTL, case.asked_at]).fetchone()
        for case in CASES
    }
    assert served == {group: (is_served,) for group, is_served in SERVED.items()}


def test_status_is_fresh_while_resting_groups_are_served() -> None:
    resting = [case for case in CASES if case.changes and max(case.changes) <= WATERMARK <= case.asked_at]
    assert {case.group: _copy(WATERMARK, TTL, case.asked_at).state == "fresh" for case in resting} == {
        case.group: case.is_served for case in resting
    }
