"""Rows of forgotten bets and users that a source still has: not taken in, not missed, and known to be theirs."""

from __future__ import annotations

import json
import uuid

import polars as pl
import pytest

from ingestion.database.access import connect
from ingestion.forgetting.erasure import erase
from ingestion.forgetting.keyed_digests import Forgotten, KeyedDigests
from ingestion.forgetting.subject import subject_of_bet, subject_of_user
from ingestion.forgetting.user_column import UserColumn
from ingestion.sources.supabase.supabase_reading import without_last_member
from tests.builders.bet_files import NOW, bet, lost
from tests.builders.source_table import put


@pytest.fixture
def table(source):
    """A table with a column that says whose a bet is."""
    with connect(source.postgres, purpose="test", autocommit=True) as connection:
        connection.execute("alter table public.bets add column user_id text")
        connection.execute("notify pgrst, 'reload schema'")
    return source.postgres


@pytest.fixture
def rows(database):
    return lambda query: database.execute(query).fetchall()


@pytest.fixture
def forget(database):
    def forget(bet=None, user=None):
        digests = KeyedDigests.of_store(database)
        users = UserColumn("user_id", digests)
        subject = subject_of_bet(database, bet) if bet else subject_of_user(database, user, users)
        erase(database, subject, digests, run_id=uuid.uuid4(), now=NOW)
        database.commit()

    return forget


def test_bet_that_the_table_still_shows_is_neither_taken_in_nor_missed(table, sync, compare, forget, rows):
    put(table, bet("a", 1), lost("b", 2), bet("c", 3))
    sync()
    forget("b")
    counts = sync(is_full=True)
    assert (counts.rows_read, counts.forgotten, counts.accepted) == (3, 1, 0)
    reconciled = compare()
    assert (reconciled.differing, reconciled.missed, reconciled.deleted) == (0, 0, 0)
    put(table, lost("b", 9, amount=11.0, profit=-11.0), bet("d", 4))
    reconciled = compare()
    assert (reconciled.differing, reconciled.missed, reconciled.deleted) == (1, 1, 0)
    assert rows("select id from processed.bets order by id") == [("a",), ("c",), ("d",)]


def test_users_of_a_table_are_known_by_digests_and_stand_in_no_payload(table, sync, compare, forget, rows):
    put(table, bet("a", 1, user_id="ulrike"), bet("b", 2, user_id="otto"), bet("c", 3, status="?", user_id="ulrike"))
    sync()
    assert rows("select count(*), count(user_digest), count(distinct user_digest) from raw.bet_versions") == [(3, 3, 2)]
    assert rows("select id from raw.bet_versions where payload::text like '%user_id%'") == []
    assert compare().differing == 0
    forget(user="ulrike")
    put(table, bet("d", 4, user_id="ulrike"), bet("e", 5, user_id=None))
    assert sync(is_full=True).forgotten == 3
    assert rows("select id from raw.bet_versions where payload::text <> 'null' order by id") == [("b",), ("e",)]


@pytest.mark.parametrize(
    ("payload", "user"),
    [
        ('{"user_id": "u 1", "id": 1.10}', "u 1"),
        ('{"id":1,"user_id":17}', "17"),
        ('{"id":1,"user_id":null}', None),
        ('{"id":1,"meta":{"user_id":"x\\"y"}}', 'x"y'),
        (json.dumps('{"user_id": "u", broken \udc80'), "u"),
        ('{"id":1,"no_user_id":2}', None),
    ],
)
def test_payload_without_the_user_is_otherwise_the_same_text(payload, user):
    users = UserColumn("user_id", KeyedDigests(bytes(32)))
    (text,), (digest,) = (series.to_list() for series in users.pseudonymised(pl.Series([payload])))
    if user is None:
        assert (text, digest) == (payload, None)
        return
    assert digest == users.digest(user)
    replaced = f"hmac:{digest.hex()}"
    spelled = json.dumps(user) if payload.startswith('{"user_id') or "meta" in payload else user
    assert replaced in text
    assert text.replace(replaced, spelled.strip('"')) in (payload, payload.replace("17", '"17"'))
    (again,), (same,) = (series.to_list() for series in users.pseudonymised(pl.Series([text])))
    assert (again, same) == (text, digest)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('{"id":"a","user_id":"u"}', '{"id":"a"}'),
        ('{"id":"a","user_id":null}', '{"id":"a"}'),
        ('{"id":"a", "user_id": 5 }', '{"id":"a"}'),
        ('{"user_id":"u","id":"a"}', '{"user_id":"u","id":"a"}'),
        ('{"id":"\\"user_id\\":"}', '{"id":"\\"user_id\\":"}'),
    ],
)
def test_last_member_of_a_row_is_taken_out_of_the_text(text, left):
    assert without_last_member(text, "user_id") == left


def test_digests_of_another_store_know_nobody(database):
    forgotten = Forgotten(
        KeyedDigests(bytes(32)), frozenset([KeyedDigests(bytes(31) + b"x").digest("bet", "a")]), frozenset()
    )
    assert forgotten.among(["a"]) == set()
    of_user = Forgotten(KeyedDigests(bytes(32)), frozenset([KeyedDigests(bytes(32)).digest("user", "a")]), frozenset())
    assert of_user.among(["a"]) == set()
