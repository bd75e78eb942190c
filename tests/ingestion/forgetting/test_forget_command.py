"""`pikkit forget` on a whole store: no text of a forgotten bet or user is left in a table, in Redis or in a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from unittest import mock

import polars as pl
import psycopg
import pytest
import redis
from psycopg import sql

from ingestion.database.access import connect
from ingestion.forgetting import file_erasure, forget_run
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.rigs.commands import STORE, environ_of, pikkit_here

BET, BROKEN, THEIRS, USER = "zq-bet-4711", "zq-broken-4712", "zq-bet-4713", "ulrike.mustermann"
TODAY, LATER = NOW.isoformat(), (NOW + timedelta(hours=1)).isoformat()


@pytest.fixture
def here(prepared, tmp_path) -> Path:
    return tmp_path


@pytest.fixture
def do(prepared, here):
    def do(*arguments, exit_code=0, now=TODAY, stdin="", **differs):
        environ = environ_of(
            prepared, here / "home", PIKKIT_NOW=now, PIKKIT_LINEAGE_FILE=str(here / "events.jsonl"),
            PIKKIT_REPORT=str(here / "report.html"), **differs,
        )  # fmt: skip
        done = pikkit_here(*arguments, environ=environ, stdin=stdin)
        assert done.returncode == exit_code, done.stderr
        return done

    return do


@pytest.fixture
def bets(here) -> Path:
    """Two bets of a user, one of them refused, an odd one, others; and a line that cannot be read."""
    ordinary = [(bet if n % 2 else lost)(f"b{n}", n, user_id="somebody") for n in range(20)]
    file = jsonl(
        here / "bets.jsonl",
        *ordinary,
        bet(BET, 30, amount=9_000.0, profit=13_500.0, clv_percentage=2.0, user_id=7),
        bet(BET, 40, amount=9_000.0, profit=13_500.0, clv_percentage=4.0, user_id=7),
        bet(THEIRS, 31, user_id=USER, note="verbatim"),
        bet(BROKEN, 32, status="?", user_id=USER),
    )
    with file.open("a", encoding="utf-8") as lines:
        lines.write(f'{{"id": "{BET}", broken\n{{"user_id": "{USER}", broken\n')
    return file


@pytest.fixture
def ran(do, bets):
    do("run", "--source", bets)


@pytest.fixture
def stored(do, ran, here):
    """All that is written of a store: exports, a report, what runs leave."""
    do("export", "--to", here / "exported", "--raw")
    do("report", "--out", here / "another.html")


def texts(connections, here: Path) -> Iterator[tuple[str, str]]:
    """Every text of every table, key and file, and where it stands."""
    with psycopg.connect(**connections.postgres.conninfo) as database:
        tables = database.execute(
            "select schemaname, tablename from pg_tables where schemaname = any(%s)", [[*STORE, "feast"]]
        ).fetchall()
        for schema, table in tables:
            rows = sql.SQL("select t::text from {} as t").format(sql.Identifier(schema, table))
            yield from ((f"{schema}.{table}", text) for (text,) in database.execute(rows))
    with redis.Redis.from_url(connections.redis.url) as client:
        for key in client.scan_iter():
            yield "redis", f"{key!r} {client.hgetall(key)!r}"
    for path in here.rglob("*"):
        if path.is_file() and path.name != "bets.jsonl":
            text = str(pl.read_parquet(path).to_dicts()) if path.suffix == ".parquet" else path.read_text()
            yield str(path.relative_to(here)), text


def standing(connections, here, *names):
    return {place for place, text in texts(connections, here) for name in names if name in text}


def test_no_text_of_a_forgotten_bet_is_left_anywhere(stored, do, prepared, here):
    held = standing(prepared, here, BET)
    assert {
        "raw.bet_versions",
        "processed.bet_versions",
        "quarantine.bets",
        "features.bet_facts_changes",
        "redis",
    } <= held
    do("quarantine", "dismiss", "--all", "--why", f"{BET} is of no use")
    receipt = json.loads(do("forget", "--bet", BET, "--yes", "--json", now=LATER).stdout)
    assert standing(prepared, here, BET) == set()
    assert (receipt["bets"], receipt["remaining"], receipt["unfinished"]) == (1, 0, [])
    removed = {place["place"]: place["removed"] for place in receipt["places"]}
    assert removed["raw.bet_versions"] == 3
    assert removed["redis"] == 1
    assert removed[str(here / "exported")] == 5
    do("verify")
    do("run", "--source", here / "bets.jsonl", now=LATER)
    do("verify", now=LATER)
    assert standing(prepared, here, BET) == set()


def test_forgotten_user_leaves_no_text_and_is_not_taken_in_again(stored, do, prepared, here):
    assert standing(prepared, here, THEIRS) >= {"raw.bet_versions", "processed.bet_versions", "redis"}
    receipt = json.loads(do("forget", "--user", USER, "--yes", "--json", now=LATER).stdout)
    assert (receipt["kind"], receipt["bets"]) == ("user", 2)
    assert standing(prepared, here, USER, THEIRS, BROKEN) == set()
    jsonl(here / "bets.jsonl", bet("new", 50, user_id=USER), bet(THEIRS, 60), bet("other", 50, user_id="somebody"))
    run = json.loads(do("run", "--source", here / "bets.jsonl", "--json", now=LATER).stdout)
    assert run["steps"][0]["counts"]["forgotten"] == 2
    assert standing(prepared, here, USER, THEIRS, BROKEN) == set()
    do("verify", now=LATER)


def test_users_stand_in_the_store_as_keyed_digests_alone(ran, prepared, here):
    with connect(prepared.postgres, purpose="test") as connection:
        rows = connection.execute(
            "select payload ->> 'user_id', encode(user_digest, 'hex') from raw.bet_versions where id = %s", [BET]
        ).fetchall()
        of_users = connection.execute("select count(distinct user_digest) from raw.bet_versions").fetchone()
    assert {text for text, _ in rows} == {f"hmac:{digest}" for _, digest in rows}
    assert of_users == (3,)
    assert standing(prepared, here, "somebody", USER) == set()


def test_dry_run_counts_rows_to_go_and_changes_nothing(ran, do, prepared, here):
    def rows():
        return sorted(text for place, text in texts(prepared, here) if place == "raw.bet_versions")

    before = rows()
    counted = json.loads(do("forget", "--bet", BET, "--dry-run", "--json").stdout)
    assert rows() == before
    assert {place["place"]: place["removed"] for place in counted["places"]}["raw.bet_versions"] == 3


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [((), ""), (("--bet", BET), ""), (("--bet", BET, "--user", USER), ""), (("--bet", "nobody's", "--yes"), "")],
)
def test_erasure_without_a_subject_or_an_answer_is_refused(prepared, do, arguments, stdin):
    assert "nobody's" not in do("forget", *arguments, exit_code=2, stdin=stdin).stderr


def test_erasure_of_a_forgotten_bet_is_refused_as_done(ran, do):
    do("forget", "--bet", BET, "--yes", now=LATER)
    assert "forgotten already" in do("forget", "--bet", BET, "--yes", exit_code=2, now=LATER).stderr


def test_erasure_that_dies_before_redis_is_finished_by_the_next_run(ran, do, prepared, here, monkeypatch, bets):
    def dies(*_):
        raise ConnectionResetError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(forget_run, "finish_online", dies)
        with pytest.raises(ConnectionResetError):
            do("forget", "--bet", BET, "--yes", now=LATER)
    assert standing(prepared, here, BET) >= {"redis", "ops.forget_pending"}
    do("run", "--source", bets, now=LATER)
    assert standing(prepared, here, BET) == {"ops.forget_pending"}
    do("forget", "--finish", now=LATER)
    assert standing(prepared, here, BET) == set()


def test_file_that_cannot_be_reached_is_finished_later(ran, do, prepared, here):
    do("export", "--to", here / "exported")
    with mock.patch.object(file_erasure, "export_store", side_effect=OSError("no such disk")):
        receipt = json.loads(do("forget", "--bet", BET, "--yes", "--json", now=LATER).stdout)
    assert receipt["unfinished"] == [str(here / "exported")]
    assert "ops.forget_pending" in standing(prepared, here, BET)
    finished = json.loads(do("forget", "--finish", "--json", now=LATER).stdout)
    assert finished["unfinished"] == []
    assert [place["removed"] for place in finished["places"]] == [3]
    assert standing(prepared, here, BET) == set()


def test_explanation_of_history_names_no_forgotten_bet(ran, do, here):
    do("forget", "--bet", BET, "--yes", now=LATER)
    for instant, number in ((NOW.isoformat(), 1), (LATER, 0)):
        explained = do("explain", "sport_win_rate", "--key", "Soccer", "--at", instant, now=LATER).stdout
        assert explained.count("a forgotten bet") >= number
    document = json.loads(do("explain", "sport_win_rate", "--key", "Soccer", "--at", NOW.isoformat(), "--json").stdout)
    named = [version["id"] for version in document["views"][0]["versions"]]
    assert named[:2] == ["a forgotten bet", THEIRS]
    assert named.count("a forgotten bet") == 1
