"""Through everything that can happen to a store, a name keeps the code that it was first given, and no other gets it.

The oracle walks the log and gives each name that it has not met the next code of its column.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from feature_repo import clock
from feature_repo.bets.vocabulary import ENCODED_COLUMNS, Vocabulary
from feature_repo.bets.vocabulary_version import check_vocabulary, vocabulary_version
from feature_repo.errors import GateRefused, LockHeld
from feature_repo.servers.connections import Connections
from ingestion import pipeline
from ingestion.database.access import connect, statement
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.rigs.lenient_pipeline import run, run_backfill

HOUR = timedelta(hours=1)
PRESENT = datetime.now(UTC)

Codes = dict[tuple[str, str], tuple[int, int, datetime]]


def stored_codes(connection: psycopg.Connection) -> Codes:
    """Column and name -> code, first version, known_at."""
    rows = connection.execute("select column_name, value, code, first_seq, known_at from features.vocabulary")
    return {(column, name): (code, seq, known_at) for column, name, code, seq, known_at in rows}


def expected_codes(connection: psycopg.Connection) -> Codes:
    """The same, by a walk through the log up to where features follow it."""
    columns = ", ".join(ENCODED_COLUMNS)
    log = connection.execute(
        f"select seq, known_at, {columns} from processed.bet_versions"
        " where seq <= (select log_position from features.watermark) order by seq"
    )
    codes: Codes = {}
    for seq, known_at, *names in log:
        for column, name in zip(ENCODED_COLUMNS, names, strict=True):
            if name is not None and (column, name) not in codes:
                codes[column, name] = (sum(each == column for each, _ in codes) + 1, seq, known_at)
    return codes


@contextmanager
def codes_stay(connections: Connections) -> Iterator[None]:
    """What happens inside leaves every name its code, and gives each new one the next."""
    with connect(connections.postgres, purpose="test") as connection:
        before, version = stored_codes(connection), vocabulary_version(connection)
    yield
    with connect(connections.postgres, purpose="test") as connection:
        after = stored_codes(connection)
        assert {key: after[key][0] for key in before} == {key: code for key, (code, *_) in before.items()}
        assert after == expected_codes(connection)
        check_vocabulary(connection, version)


def codes_of_sports(connections: Connections, *names: str | None) -> list[int | None]:
    """What a server of models gives now: committed codes, on a connection of its own."""
    conninfo = {name: str(value) for name, value in connections.postgres.conninfo.items()}
    reader = Vocabulary(tuple(conninfo[name] for name in ("host", "port", "dbname", "user", "password", "sslmode")))
    return reader.encode("sport", names, [clock.now()] * len(names))


@pytest.fixture
def load(prepared: Connections, tmp_path: Path) -> Callable[..., Any]:
    def load(*bets: Any, hours: float = 0, **options: Any) -> Any:
        clock.set_now(NOW + hours * HOUR)
        return run(prepared, open_file(jsonl(tmp_path / "bets.jsonl", *bets)), **options)

    return load


def test_codes_of_new_names_count_up_in_the_order_of_first_knowledge(
    prepared: Connections, load: Callable[..., Any]
) -> None:
    with codes_stay(prepared):
        load(bet("a", 3, sport="Golf"), bet("b", 1, sport="Tennis", league=None), bet("c", 2, sport="Golf"))
    assert codes_of_sports(prepared, "Tennis", "Golf", "Chess", None) == [1, 2, 0, None]


def test_name_without_any_bet_left_keeps_the_code_for_bets_to_come(
    prepared: Connections, load: Callable[..., Any]
) -> None:
    def flagged(bet_id: str, minute: float, sport: str, *, is_deleted: bool = False) -> dict[str, Any]:
        return bet(bet_id, minute, sport=sport, is_deleted=is_deleted)

    load(flagged("a", 1, sport="Golf"), flagged("b", 2, sport="Golf"), flagged("c", 3, sport="Tennis"))
    with codes_stay(prepared):
        load(flagged("a", 5, sport="Tennis"), flagged("b", 5, sport="Golf", is_deleted=True), hours=1)
        with connect(prepared.postgres, purpose="test", autocommit=True) as connection:
            assert connection.execute("select from processed.bets where sport = 'Golf'").fetchall() == []
        load(flagged("d", 6, sport="Rugby"), hours=2)
        run_backfill(prepared)
        load(flagged("e", 7, sport="Golf"), flagged("f", 8, sport="Chess"), hours=3)
    assert codes_of_sports(prepared, "Golf", "Tennis", "Rugby", "Chess") == [1, 2, 3, 4]


def test_name_of_a_refused_run_has_no_code_until_publication(
    prepared: Connections, load: Callable[..., Any], tmp_path: Path
) -> None:
    load(bet("a", 1, sport="Golf"))
    with codes_stay(prepared):
        clock.set_now(NOW + HOUR)
        file = open_file(jsonl(tmp_path / "refused.jsonl", bet("b", 2, sport="Refused")))
        with pytest.raises(GateRefused):
            pipeline.run_pipeline(prepared, file)
        assert codes_of_sports(prepared, "Golf", "Refused") == [1, 0]
    # The refused bet is put right, under another name: nobody was ever told a code of the first.
    with codes_stay(prepared):
        load(bet("b", 3, sport="Right"), bet("c", 1, sport="Chess"), hours=2)
    assert codes_of_sports(prepared, "Golf", "Refused", "Chess", "Right") == [1, 2, 3, 4]


def test_rewind_leaves_codes_and_moves_names_known_in_the_future_to_the_present(
    prepared: Connections, tmp_path: Path
) -> None:
    def load_at(at: datetime, *bets: Any) -> None:
        clock.set_now(at)
        run(prepared, open_file(jsonl(tmp_path / "bets.jsonl", *bets)), clock_ahead=True)

    def placed(bet_id: str, hours: float, sport: str) -> dict[str, Any]:
        at = (PRESENT - hours * HOUR).isoformat()
        return lost(bet_id, sport=sport, time_placed=at, created_at=at, updated_at=at)

    load_at(PRESENT - 3 * HOUR, placed("a", 5, "Golf"))
    load_at(PRESENT + timedelta(days=90), placed("b", 2, "Tennis"))
    load_at(PRESENT + timedelta(days=91), placed("c", 1, "Chess"))
    clock.set_now(PRESENT)
    with codes_stay(prepared):
        run_backfill(prepared, rewound=True)
    with connect(prepared.postgres, purpose="test") as connection:
        codes = stored_codes(connection)
        assert max(known_at for _, _, known_at in codes.values()) < PRESENT + timedelta(seconds=1)
        known_before = vocabulary_version(connection, known_until=PRESENT).columns["sport"].highest_code
    # Chess came late to a store whose clock had run ahead: only it had become known in the future.
    assert (known_before, codes["sport", "Chess"][0]) == (2, 3)


def test_runs_at_the_same_time_agree_on_every_code(prepared: Connections, tmp_path: Path) -> None:
    clock.set_now(NOW)

    def load_batches(worker: int) -> None:
        for batch in range(3):
            names = (f"only of {worker}, {batch}", f"of both, {batch}")
            bets = [bet(f"{worker} {name}", batch, sport=name, league=name[::-1]) for name in names]
            file = open_file(jsonl(tmp_path / f"{worker} {batch}.jsonl", *bets))
            while True:
                try:
                    run(prepared, file)
                    break
                except LockHeld:
                    time.sleep(0.05)

    with codes_stay(prepared), ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(load_batches, worker) for worker in range(2)]:
            done.result()
    with connect(prepared.postgres, purpose="test") as connection:
        codes = stored_codes(connection)
    assert sorted(code for (column, _), (code, *_) in codes.items() if column == "sport") == list(range(1, 10))


def test_two_sessions_past_the_lock_never_give_the_same_code_to_two_names(
    database: psycopg.Connection, postgres: Any
) -> None:
    """The table itself refuses it: whoever comes second waits for the first, and fails."""
    for seq, sport in ((1, "Golf"), (2, "Tennis")):
        database.execute(
            "insert into processed.bet_versions"
            " (seq, run_id, id, bet_type, status, sport, updated_at, known_at)"
            " values (%s, gen_random_uuid(), %s, 'parlay', 'PENDING', %s, now(), now())",
            [seq, f"b{seq}", sport],
        )
    database.commit()
    first, then = ({"after": seq, "until": seq + 1, "run_id": None} for seq in (0, 1))
    with connect(postgres, purpose="test") as other, ThreadPoolExecutor(1) as pool:
        database.execute(statement("extend_vocabulary"), first)
        extended = pool.submit(other.execute, statement("extend_vocabulary"), then)
        waiting = "select from pg_locks where pid = %s and not granted"
        while not (database.execute(waiting, [other.info.backend_pid]).fetchall() or extended.done()):
            time.sleep(0.01)
        database.commit()
        with pytest.raises(psycopg.errors.UniqueViolation):
            extended.result()
        other.rollback()
        other.execute(statement("extend_vocabulary"), then)
        other.commit()
    codes = "select value, code from features.vocabulary where column_name = 'sport' order by code"
    assert database.execute(codes).fetchall() == [("Golf", 1), ("Tennis", 2)]
