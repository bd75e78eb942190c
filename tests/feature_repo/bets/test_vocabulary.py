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


def test_a_value_has_one_code_per_column_none_has_none_and_the_rest_is_unknown(learn, postgres: Postgres) -> None:
    learn("market", "Total", 1)
    learn("league", "Total", 2)
    assert over(postgres).encode("league", ["Total", None, "total", ""]) == [2, None, 0, 0]


def test_an_empty_vocabulary_knows_nothing(postgres: Postgres) -> None:
    assert over(postgres).encode("sport", ["Soccer", None]) == [0, None]


def test_a_new_value_is_found_once_it_may_be_looked_for_again(
    learn, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = over(postgres)
    codes.encode("sport", ["Soccer"])
    learn("sport", "Soccer", 1)
    assert codes.encode("sport", ["Soccer"]) == [0]
    monkeypatch.setattr(vocabulary, "REREAD_AFTER", 0)
    assert codes.encode("sport", ["Soccer"]) == [1]


def test_known_values_need_no_database_once_they_were_read(
    learn, postgres: Postgres, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "REREAD_AFTER", 0)
    learn("sport", "Soccer", 7)
    codes = over(postgres)
    codes.encode("sport", ["Soccer"])
    database.execute("drop table features.vocabulary")
    database.commit()
    assert codes.encode("sport", ["Soccer", None, "Chess"]) == [7, None, 0]


def test_a_missing_table_is_an_error_that_names_it(blank_postgres: Postgres) -> None:
    with pytest.raises(VocabularyUnavailable, match=r"features\.vocabulary cannot be read at .*does not exist"):
        over(blank_postgres).encode("sport", ["Soccer"])


def test_without_connection_settings_they_are_named() -> None:
    with pytest.raises(VocabularyUnavailable, match=r"POSTGRES_HOST, POSTGRES_PORT.* not set"):
        vocabulary.encode_names("sport", ["Soccer"])


def test_two_databases_in_one_process_do_not_share_codes(new_connections, monkeypatch: pytest.MonkeyPatch) -> None:
    for code in (1, 2):
        connections = new_connections()
        with psycopg.connect(**connections.postgres.conninfo) as database:
            database.execute("insert into features.vocabulary values ('sport', 'Soccer', %s)", [code])
        for name, value in feast_environment(connections).items():
            monkeypatch.setenv(name, value)
        assert vocabulary.encode_names("sport", ["Soccer"]) == [code]
