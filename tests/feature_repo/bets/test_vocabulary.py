"""Codes of categories: read once, read again for what is new, never made up."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from feature_repo import clock
from feature_repo.bets import vocabulary
from feature_repo.bets.vocabulary import Vocabulary, code_instants
from feature_repo.errors import VocabularyUnavailable
from feature_repo.servers.connections import Postgres
from feature_repo.servers.environment import feast_environment

KNOWN_AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
PATIENCE = 60.0


@pytest.fixture
def learn(database: psycopg.Connection):
    def add(column: str, value: str, code: int, known_at: datetime | None = KNOWN_AT) -> None:
        database.execute(
            "insert into features.vocabulary (column_name, value, code, known_at) values (%s, %s, %s, %s)",
            [column, value, code, known_at],
        )
        database.commit()

    return add


def over(postgres: Postgres) -> Vocabulary:
    conninfo = {name: str(value) for name, value in postgres.conninfo.items()}
    return Vocabulary(tuple(conninfo[name] for name in ("host", "port", "dbname", "user", "password", "sslmode")))


def encoded(codes: Vocabulary, column: str, *names: str | None, at: datetime = KNOWN_AT) -> list[int | None]:
    return codes.encode(column, names, [at] * len(names))


def wait_until(came_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not came_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_value_has_a_code_per_column_null_none_and_a_new_name_unknown(learn, postgres: Postgres) -> None:
    learn("market", "Total", 1)
    learn("league", "Total", 2)
    assert encoded(over(postgres), "league", "Total", None, "total", "") == [2, None, 0, 0]


def test_empty_vocabulary_encodes_every_name_as_unknown(postgres: Postgres) -> None:
    assert encoded(over(postgres), "sport", "Soccer", None) == [0, None]


def test_name_is_unknown_as_of_instants_before_the_first_known_at(learn, postgres: Postgres) -> None:
    learn("sport", "Soccer", 1)
    learn("sport", "Golf", 2, KNOWN_AT + timedelta(days=1))
    instants = [KNOWN_AT - timedelta(microseconds=1), KNOWN_AT, KNOWN_AT + timedelta(days=1)]
    codes = over(postgres)
    assert [codes.encode("sport", [name] * 3, instants) for name in ("Soccer", "Golf")] == [[0, 1, 1], [0, 0, 2]]


def test_name_of_unknown_age_has_a_code_as_of_any_instant(learn, postgres: Postgres) -> None:
    learn("sport", "Soccer", 1, None)
    assert encoded(over(postgres), "sport", "Soccer", at=datetime.min.replace(tzinfo=UTC)) == [1]


def test_name_that_was_not_known_at_the_placement_is_held_all_the_same(learn, postgres: Postgres) -> None:
    learn("sport", "Soccer", 1)
    codes = over(postgres)
    assert encoded(codes, "sport", "Soccer", at=KNOWN_AT - timedelta(days=1)) == [0]
    assert codes.holds("sport", ["Soccer", "Chess", None]) == [True, False, False]


def test_codes_are_as_of_the_second_of_the_placement_or_of_the_row_or_now() -> None:
    clock.set_now(KNOWN_AT + timedelta(hours=1, milliseconds=1))
    placed = KNOWN_AT + timedelta(milliseconds=999)
    assert code_instants([placed, None], None) == [KNOWN_AT, KNOWN_AT + timedelta(hours=1)]
    rows = [datetime(2026, 4, 1), datetime(2026, 4, 1, 3, 0, 0, 7)]  # noqa: DTZ001 (as a training frame has them)
    assert code_instants([placed, None], rows) == [KNOWN_AT, datetime(2026, 4, 1, 3, tzinfo=UTC)]


def test_store_built_anew_at_the_same_address_is_taken_up_without_a_new_name(
    learn, postgres: Postgres, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "REFRESH_SECONDS", 0)
    learn("sport", "Soccer", 1)
    codes = over(postgres)
    assert encoded(codes, "sport", "Soccer") == [1]
    database.execute("alter table features.vocabulary disable trigger user")
    database.execute("truncate features.vocabulary")
    learn("sport", "Soccer", 2)
    wait_until(lambda: encoded(codes, "sport", "Soccer") == [2])


def test_value_added_to_the_vocabulary_is_encoded_after_the_reread_interval(
    learn, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = over(postgres)
    encoded(codes, "sport", "Soccer")
    learn("sport", "Soccer", 1)
    assert encoded(codes, "sport", "Soccer") == [0]
    monkeypatch.setattr(vocabulary, "REREAD_AFTER", 0)
    assert encoded(codes, "sport", "Soccer") == [1]


def test_vocabulary_in_memory_needs_no_database(
    learn, postgres: Postgres, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "REREAD_AFTER", 0)
    learn("sport", "Soccer", 7)
    codes = over(postgres)
    encoded(codes, "sport", "Soccer")
    database.execute("drop table features.vocabulary")
    database.commit()
    assert encoded(codes, "sport", "Soccer", None, "Chess") == [7, None, 0]


def test_missing_vocabulary_table_is_named_in_the_error(blank_postgres: Postgres) -> None:
    with pytest.raises(VocabularyUnavailable, match=r"features\.vocabulary cannot be read at .*does not exist"):
        encoded(over(blank_postgres), "sport", "Soccer")


def test_missing_connection_settings_of_the_vocabulary_are_named() -> None:
    with pytest.raises(VocabularyUnavailable, match=r"POSTGRES_HOST, POSTGRES_PORT.* not set"):
        vocabulary.encode_names("sport", ["Soccer"], [KNOWN_AT])


def test_databases_in_the_same_process_do_not_share_codes(new_connections, monkeypatch: pytest.MonkeyPatch) -> None:
    for code in (1, 2):
        connections = new_connections()
        with psycopg.connect(**connections.postgres.conninfo) as database:
            database.execute("insert into features.vocabulary values ('sport', 'Soccer', %s)", [code])
        for name, value in feast_environment(connections).items():
            monkeypatch.setenv(name, value)
        assert vocabulary.encode_names("sport", ["Soccer"], [KNOWN_AT]) == [code]
