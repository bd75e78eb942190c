"""The log of served vectors: what it keeps, what it drops, and that nobody who serves waits for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest
from feast.protos.feast.serving.ServingService_pb2 import GetOnlineFeaturesResponse

from feature_repo.errors import SettingsUnusable
from feature_repo.feast_internals import OnlineResponse
from feature_repo.served_vectors.served_vector import RespondedVectors, ServedVector
from feature_repo.served_vectors.settings import served_share, served_vectors_kept
from feature_repo.served_vectors.vector_log import VectorLog, vector_log
from feature_repo.servers.connections import Postgres
from ingestion.database.access import connect
from tests.rigs.processes import wait_until

AT = datetime(2026, 5, 24, 15, tzinfo=UTC).isoformat()


@dataclass(frozen=True)
class Batch:
    """Vectors of bets that are numbered on."""

    size: int
    text: str = ""

    def __len__(self) -> int:
        return self.size

    def served(self, positions: Sequence[int]) -> list[ServedVector]:
        return [
            ServedVector(AT, "a_service", f"{self.text}{place}", {"sport": "NBA"}, {"view:x": 0.1 + 0.2}, {})
            for place in positions
        ]


def sessions_of(postgres: Postgres) -> Callable[[], AbstractContextManager[psycopg.Connection]]:
    return lambda: connect(postgres, purpose="test", autocommit=True)


def kept_bets(database: psycopg.Connection) -> list[str]:
    database.rollback()
    return [row[0] for row in database.execute("select bet_id from ops.served_vectors order by vector_id").fetchall()]


def test_all_vectors_are_kept_at_a_share_of_1_with_every_digit(
    postgres: Postgres, database: psycopg.Connection
) -> None:
    log = VectorLog(1.0, sessions_of(postgres))
    log.offer(Batch(1_201))
    log.close(60)
    assert (log.written, log.dropped) == (1_201, 0)
    assert kept_bets(database) == [str(place) for place in range(1_201)]
    assert database.execute("select features->'view:x' from ops.served_vectors limit 1").fetchone() == (0.1 + 0.2,)


def test_a_tenth_of_single_vectors_is_kept_at_a_share_of_a_tenth() -> None:
    chosen: list[int] = []

    class Counting(Batch):
        def served(self, positions: Sequence[int]) -> list[ServedVector]:
            chosen.extend(positions)
            return []

    log = VectorLog(0.1, nullcontext)  # type: ignore[arg-type]
    for _ in range(10_000):
        log.offer(Counting(1))
    log.close(60)
    assert 820 < len(chosen) + log.dropped < 1_180  # six standard deviations


def test_queue_that_is_full_drops_and_counts_and_the_offer_returns() -> None:
    blocked = threading.Event()

    @contextmanager
    def blocking() -> Iterator[Any]:
        blocked.wait()
        raise psycopg.OperationalError("gone")
        yield

    log = VectorLog(1.0, blocking, most_waiting=10)
    try:
        for _ in range(100):
            log.offer(Batch(10))
        assert log.dropped >= 1_000 - 2 * 10
    finally:
        blocked.set()
        log.close(60)
    assert (log.written, log.dropped) == (0, 1_000)


def test_dead_postgres_drops_offered_vectors_with_a_warning_and_no_error(
    postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    import dataclasses

    log = VectorLog(1.0, sessions_of(dataclasses.replace(postgres, database="nowhere")))
    log.offer(Batch(3))
    log.close(60)
    assert (log.written, log.dropped) == (0, 3)
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith("3 served vectors were not kept, 3 by now: ")


@pytest.mark.parametrize("character", ["\0", "\ud800"], ids=["NUL", "half a surrogate pair"])
def test_vector_with_a_character_that_postgres_lacks_is_dropped_alone(
    character: str, postgres: Postgres, database: psycopg.Connection
) -> None:
    log = VectorLog(1.0, sessions_of(postgres))
    log.offer(Batch(2, character))
    log.offer(Batch(1, "sound "))
    log.close(60)
    assert (log.written, log.dropped) == (1, 2)
    assert kept_bets(database) == ["sound 0"]


def test_vectors_asked_with_numpy_numbers_and_missing_instants_are_written(
    postgres: Postgres, database: psycopg.Connection
) -> None:
    rows = [{"bet_id": "b", "american_odds": np.int64(-110), "is_live": np.bool_(True), "time_placed": pd.NaT}]
    response = OnlineResponse(GetOnlineFeaturesResponse(results=[{"values": [{"double_val": 0.5}]}]), {})
    service = SimpleNamespace(name="a_service", feature_view_projections=[])
    log = VectorLog(1.0, sessions_of(postgres))
    log.offer(RespondedVectors(response, service, rows, datetime(2026, 5, 24, 15, tzinfo=UTC)))
    log.close(60)
    assert (log.written, log.dropped) == (1, 0)
    assert database.execute("select bet_id, entities from ops.served_vectors").fetchall() == [
        ("b", {"american_odds": -110, "is_live": True, "time_placed": None})
    ]


def test_forked_child_writes_only_vectors_that_were_offered_in_the_child(
    postgres: Postgres, database: psycopg.Connection
) -> None:
    log = VectorLog(1.0, sessions_of(postgres))
    log.offer(Batch(1, "parent "))
    child = os.fork()
    if not child:
        log.offer(Batch(1, "child "))
        log.close(60)
        os._exit(0)
    os.waitpid(child, 0)
    log.close(60)
    wait_until(lambda: len(kept_bets(database)) == 2)
    assert sorted(kept_bets(database)) == ["child 0", "parent 0"]


def test_no_vector_is_kept_unless_a_share_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIKKIT_SERVED_VECTORS", raising=False)
    assert vector_log(None) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("PIKKIT_SERVED_VECTORS", "1.5"), ("PIKKIT_SERVED_VECTORS", "many"), ("PIKKIT_SERVED_VECTORS_DAYS", "-1")],
)
def test_setting_of_served_vectors_out_of_range_is_refused_by_name(setting: str, value: str) -> None:
    with pytest.raises(SettingsUnusable) as raised:
        served_share({setting: value})
    assert list(raised.value.problems) == [setting]
    assert served_vectors_kept({}).days == 30
