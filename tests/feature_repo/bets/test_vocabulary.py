"""Codes of categories: read once, read again for what is new, never made up."""

from __future__ import annotations

import psycopg
import pytest

from feature_repo.bets import vocabulary
from feature_repo.bets.vocabulary import Vocabulary
from feature_repo.errors import VocabularyUnavailable
from feature_repo.servers.connections import Postgres
from feature_repo.servers.environment import feast_environment


@pytest.fixture
def learn(database: psycopg.Connection):
    def add(column: str, value: str, code: int) -> None:
        database.execute("insert into features.vocabulary values (%s, %s, %s)", [column, value, code])
        database.commit()

    return add


def over(postgres: Postgres) -> Vocabulary:
    conninfo = {name: str(value) for name, value in postgres.conninfo.items()}
    return Vocabulary(tuple(conninfo[name] for name in ("host", "port", "dbname", "user", "password", "sslmode")))


def test_value_has_a_code_per_column_null_none_and_a_new_name_unknown(learn, postgres: Postgres) -> None:
    learn("market", "Total", 1)
    learn("league", "Total", 2)
    assert over(postgres).encode("league", ["Total", None, "total", ""]) == [2, None, 0, 0]


def test_empty_vocabulary_encodes_every_name_as_unknown(postgres: Postgres) -> None:
    assert over(postgres).encode("sport", ["Soccer", None]) == [0, None]


def test_value_added_to_the_vocabulary_is_encoded_after_the_reread_interval(
    learn, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = over(postgres)
    codes.encode("sport", ["Soccer"])
    learn("sport", "Soccer", 1)
    assert codes.encode("sport", ["Soccer"]) == [0]
    monkeypatch.setattr(vocabulary, "REREAD_AFTER", 0)
    assert codes.encode("sport", ["Soccer"]) == [1]


def test_vocabulary_in_memory_needs_no_database(
    learn, postgres: Postgres, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "REREAD_AFTER", 0)
    learn("sport", "Soccer", 7)
    codes = over(postgres)
    codes.encode("sport", ["Soccer"])
    database.execute("drop table features.vocabulary")
    database.commit()
    assert codes.encode("sport", ["Soccer", None, "Chess"]) == [7, None, 0]


def test_missing_vocabulary_table_is_named_in_the_error(blank_postgres: Postgres) -> None:
    with pytest.raises(VocabularyUnavailable, match=r"features\.vocabulary cannot be read at .*does not exist"):
        over(blank_postgres).encode("sport", ["Soccer"])


def test_missing_connection_settings_of_the_vocabulary_are_named() -> None:
    with pytest.raises(VocabularyUnavailable, match=r"POSTGRES_HOST, POSTGRES_PORT.* not set"):
        vocabulary.encode_names("sport", ["Soccer"])


def test_databases_in_the_same_process_do_not_share_codes(new_connections, monkeypatch: pytest.MonkeyPatch) -> None:
    for code in (1, 2):
        connections = new_connections()
        with psycopg.connect(**connections.postgres.conninfo) as database:
            database.execute("insert into features.vocabulary values ('sport', 'Soccer', %s)", [code])
        for name, value in feast_environment(connections).items():
            monkeypatch.setenv(name, value)
        assert vocabulary.encode_names("sport", ["Soccer"]) == [code]
