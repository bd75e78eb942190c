"""Vectors that were served and kept, against the history: equal, different for a reason, different."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from feature_repo import clock, scorer
from feature_repo.bets import vocabulary
from feature_repo.declarations.feature_lists import MARKET_PROFITABILITY_AT_PLACEMENT_V1 as SERVICE
from feature_repo.group_keys import entity_rows
from feature_repo.served_vectors.vector_log import VectorLog, vector_log
from feature_repo.servers.connections import Connections
from feature_repo.store import store_at
from ingestion.database.access import connect
from tests.builders.bet_files import T0, bet, jsonl, lost
from tests.rigs.commands import environ_of, pikkit_here
from training.audit.result import AuditCheck
from training.audit.served import served_check

RUN, SERVED, LATER = (T0 + timedelta(minutes=minutes) for minutes in (60, 90, 150))
STALE = RUN + timedelta(hours=2)
HISTORY = [bet("a", 10), lost("b", 20), bet("c", 30, sport="Tennis", league=None)]
# Known before SERVED, and published by the run at LATER.
PUBLISHED_LATER = [lost("d", 80), bet("e", 85, sport="Curling")]
PLACED: dict[str, Any] = {
    "bet_type": "straight",
    "american_odds": 120,
    "sport": "Soccer",
    "league": "Premier League",
    "market": "Moneyline",
    "institution_name": "Bet&Win",
    "is_live": False,
}


def placed(bet_id: str | None, instant: datetime, **differs: Any) -> dict[str, Any]:
    named = {} if bet_id is None else {"id": bet_id}
    return {**PLACED, "time_placed": instant, **named, **differs}


@pytest.fixture
def served_store(
    new_applied: Callable[[], Connections], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Connections, Callable[..., None]]:
    """A store that was refreshed at RUN, and a function that runs `pikkit run` over all bets at an instant."""
    store = new_applied()
    monkeypatch.setenv("PIKKIT_SERVED_VECTORS", "1")
    monkeypatch.setattr(vocabulary, "REREAD_AFTER", 0.0)  # one process serves, runs and audits

    def run(now: datetime, *bets: dict[str, Any], **variables: str) -> None:
        environ = environ_of(store, tmp_path, PIKKIT_NOW=now.isoformat(), **variables)
        done = pikkit_here("run", "--source", jsonl(tmp_path / "bets.jsonl", *bets), environ=environ)
        assert done.returncode == 0, done.stderr

    run(RUN, *HISTORY)
    return store, run


def kept(log: VectorLog | None) -> VectorLog:
    """The log, once what it was offered is written."""
    assert log is not None
    log.close(60)
    log._begin()
    return log


def audited(store: Connections, now: datetime) -> AuditCheck:
    with connect(store.postgres, purpose="test", autocommit=True) as connection:
        return served_check(connection, store_at(store), SERVICE, now)


def test_vectors_of_scorer_and_feast_are_kept_and_agree_with_history_or_differ_for_a_reason(
    served_store: tuple[Connections, Callable[..., None]],
) -> None:
    connections, run = served_store
    store = store_at(connections)
    service = store.get_feature_service(SERVICE.service)
    clock.set_now(SERVED)
    scorer(SERVICE.service, store=store)([placed("s1", SERVED), placed("s2", SERVED, sport="Curling")])
    rows = entity_rows([placed("f1", SERVED), placed("f2", SERVED, sport="Tennis", league=None)])
    store.get_online_features(service, rows)
    store.get_online_features(service, rows[:1], full_feature_names=True)
    asyncio.run(store.get_online_features_async(service, rows[1:]))
    store.get_online_features([f"sport_stats:{name}" for name in SERVICE.features["sport_stats"]], rows)
    clock.set_now(STALE)
    scorer(SERVICE.service, store=store)(placed("s3", STALE))
    log = kept(vector_log(store.config))
    assert (log.written, log.dropped) == (7, 0)

    assert audited(connections, STALE).sentence == "7 vectors served as training has them."
    run(LATER, *HISTORY, *PUBLISHED_LATER)
    check = audited(connections, STALE)
    assert (check.state, check.looked_at, check.found) == ("clean", 7, 0)
    assert {finding.why for finding in check.findings} <= {
        "bets were published later",
        "the copy was older than its TTL",
    }
    for reason in ("bets were published later", "the copy was older than its TTL", "the name was published later"):
        assert reason in check.sentence


def test_served_vector_that_differs_from_history_is_found_with_the_bet_and_the_feature(
    served_store: tuple[Connections, Callable[..., None]],
) -> None:
    connections, run = served_store
    store = store_at(connections)
    clock.set_now(SERVED)
    scorer(SERVICE.service, store=store)([placed("s1", SERVED), placed(None, SERVED)])
    kept(vector_log(store.config))
    with psycopg.connect(**connections.postgres.conninfo) as database:
        database.execute(
            "update ops.served_vectors set features = features || '{\"sport_stats:sport_win_rate\": 0.9}' "
            "where bet_id = 's1'"
        )
    run(LATER, *HISTORY, *PUBLISHED_LATER)
    check = audited(connections, LATER)
    assert (check.state, check.looked_at, check.found) == ("leak", 2, 1)
    first = check.findings[0]
    assert (first.subject, first.feature, first.found) == ("s1", "sport_stats:sport_win_rate", "0.9")


def test_run_drops_vectors_served_longer_ago_than_the_days_that_are_set(
    served_store: tuple[Connections, Callable[..., None]],
) -> None:
    connections, run = served_store
    store = store_at(connections)
    for instant in (SERVED - timedelta(days=2), SERVED):
        clock.set_now(instant)
        scorer(SERVICE.service, store=store)(placed("s1", instant))
    kept(vector_log(store.config))
    run(LATER, *HISTORY, PIKKIT_SERVED_VECTORS_DAYS="1")
    with psycopg.connect(**connections.postgres.conninfo) as database:
        assert database.execute("select served_at from ops.served_vectors").fetchall() == [(SERVED,)]


def test_service_of_which_no_vector_was_kept_is_not_judged(
    served_store: tuple[Connections, Callable[..., None]],
) -> None:
    assert audited(served_store[0], LATER).state == "not judged"
