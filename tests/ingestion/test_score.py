"""One bet, however it is given, becomes the vector that Feast serves for it; and what cannot be scored is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
import redis
from psycopg import sql

from feature_repo.connections import Connections, Postgres, Redis
from feature_repo.keys import entity_rows
from feature_repo.services import bet_lookup_v1, market_profitability_at_placement_v1, market_profitability_v1
from feature_repo.store import store_at
from ingestion import clock
from ingestion.apply import apply
from ingestion.errors import ConfigurationError, SourceRejected, Unreachable
from ingestion.sample import generate, write
from ingestion.score import Vector, parse_bets, read_bets, score
from ingestion.sources.files import open_file
from tests.ingestion.bets import NOW
from tests.ingestion.commands import environ_of, pikkit
from tests.ingestion.lenient import run

BET = {
    "sport": "Soccer",
    "league": "MLS",
    "market": "Total Goals",
    "institution_name": "DraftKings",
    "american_odds": -110,
    "bet_type": "straight",
    "is_live": False,
    "time_placed": NOW.isoformat(),
}
NEVER_SEEN = {**BET, "sport": "Chess", "league": None, "market": "Winner", "institution_name": "Bookie & Sons"}


@pytest.fixture(scope="module")
def bets() -> pl.DataFrame:
    return generate(600, NOW, seed=7)


@pytest.fixture(scope="module")
def store(
    servers: Connections,
    template_with_registry: Postgres,
    bets: pl.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Connections]:
    """A store into which 600 bets were run at NOW."""
    postgres = dataclasses.replace(servers.postgres, database="scored")
    admin = dataclasses.replace(servers.postgres, database="postgres")
    create = sql.SQL("create database scored template {}").format(sql.Identifier(template_with_registry.database))
    with psycopg.connect(**admin.conninfo, autocommit=True) as connection:
        connection.execute(create)
        with redis.Redis.from_url(servers.redis.url) as client:
            client.flushdb()
        path = tmp_path_factory.mktemp("score") / "bets.parquet"
        write(bets, path)
        connections = Connections(postgres, servers.redis, embedded=False)
        apply(connections)
        clock.set_now(NOW)
        run(connections, open_file(path))
        clock.set_now(None)
        yield connections
        connection.execute("drop database scored with (force)")


@pytest.fixture
def vector(store: Connections) -> Any:
    def vector(bet: dict[str, Any], **differs: Any) -> Vector:
        return score(store, [bet], **({"now": NOW} | differs)).vectors[0]

    return vector


# ---- what comes out ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", [market_profitability_at_placement_v1, market_profitability_v1])
def test_a_vector_is_what_feast_serves_in_the_order_of_the_service(store: Connections, service: Any) -> None:
    bets = [BET | {"clv_percentage": 2.5}, NEVER_SEEN | {"clv_percentage": None}]
    clock.set_now(NOW)
    served = store_at(store).get_online_features(service, entity_rows(bets)).to_dict()
    features = [field.name for view in service.feature_view_projections for field in view.features]
    assert [list(one.values.items()) for one in score(store, bets, service=service.name, now=NOW).vectors] == [
        [(feature, served[feature][position]) for feature in features] for position in (0, 1)
    ]


def test_a_group_with_history_has_its_count_and_one_without_is_null(vector: Any, bets: pl.DataFrame) -> None:
    newest = bets.group_by("id", maintain_order=True).last()
    graded = newest.filter(pl.col("sport") == "Soccer", pl.col("status").is_in(["SETTLED_WIN", "SETTLED_LOSS"]))
    assert vector(BET).values["sport_count"] == graded.height > 0
    assert vector(NEVER_SEEN).values["sport_count"] is None


def test_more_bets_than_are_asked_at_once_keep_their_order(store: Connections) -> None:
    bets = [BET | {"american_odds": 100 + number} for number in range(501)]
    implied = [one.values["implied_prob"] for one in score(store, bets, now=NOW).vectors]
    assert implied == [100 / (200 + number) for number in range(501)]


def test_a_stored_bet_is_looked_up_by_its_id_alone(vector: Any, bets: pl.DataFrame) -> None:
    bet = bets.row(-1, named=True)
    values = vector({"id": bet["id"]}, service=bet_lookup_v1.name).values
    assert {name: values[name] for name in ("sport", "market", "amount")} == {
        name: bet[name] for name in ("sport", "market", "amount")
    }


def test_values_of_a_run_that_is_just_over_are_as_old_as_the_run(vector: Any) -> None:
    ages = {one.view: one.age for one in vector(BET, now=NOW + timedelta(minutes=3)).views}
    assert ages["sport_stats"] == ages["sport_market_recent"] == timedelta(minutes=3)


def test_a_view_is_stale_past_its_ttl_and_not_at_it(vector: Any) -> None:
    stale = [one.view for one in vector(BET, now=NOW + timedelta(hours=24)).views if one.is_stale]
    assert stale == ["sport_market_recent"]


def test_values_past_their_ttl_are_null_and_the_others_are_not(vector: Any) -> None:
    late = vector(BET, now=NOW + timedelta(hours=2)).values
    assert (late["sport_market_count"], late["recent_win_rate"]) == (None, None)
    assert late["sport_count"] == vector(BET).values["sport_count"] is not None


def test_a_view_that_holds_nothing_for_a_bet_has_no_age(vector: Any) -> None:
    assert {(one.event_timestamp, one.age, one.is_stale) for one in vector(NEVER_SEEN).views} == {(None, None, False)}


# ---- what goes in --------------------------------------------------------------------------------------------------


def test_a_bet_is_read_as_at_ingestion(vector: Any) -> None:
    differently = {"sport": " Soccer ", "american_odds": "-110.0", "bet_type": "STRAIGHT", "is_live": "f"}
    assert vector(BET | differently) == vector(BET)


def test_a_bet_without_an_instant_is_placed_now(vector: Any) -> None:
    bet = {name: value for name, value in BET.items() if name != "time_placed"}
    assert vector(bet, now=NOW + timedelta(hours=2)).values["hour_of_day"] == (NOW + timedelta(hours=2)).hour


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_file_of_bets_gives_the_same_vector_in_every_format(vector: Any, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bets.{suffix}"
    write(pl.DataFrame([BET | {"time_placed": NOW}]), path)
    (bet,) = read_bets(path)
    assert vector(bet) == vector(BET)


def test_everything_that_a_bet_lacks_is_named_at_once(vector: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        vector({"sport": "Soccer", "is_live": None})
    lacking = ("league", "market", "institution_name", "bet_type", "american_odds")
    assert [name for name in BET if f"{name}: missing" in refused.value.what] == [
        name for name in BET if name in lacking
    ]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"american_odds": 50}, "american_odds: inside (-100, 100)"),
        ({"american_odds": "evens"}, "american_odds: not a finite number"),
        ({"bet_type": "quadrella"}, "bet_type: unknown value"),
        ({"sport": ["Soccer"]}, "sport: not text"),
        ({"time_placed": "yesterday"}, "time_placed: not an ISO 8601 timestamp"),
        ({"clv_percentage": 2_000}, "clv_percentage: above 1,000"),
    ],
)
def test_a_value_that_no_bet_can_have_is_refused(vector: Any, wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        vector(BET | wrong)
    assert reason in refused.value.what


def test_of_several_bets_the_wrong_one_is_named(store: Connections) -> None:
    with pytest.raises(ConfigurationError, match="bet 2: american_odds: not a whole number"):
        score(store, [BET, BET | {"american_odds": 1.91}], now=NOW)


def test_a_service_that_there_is_not_is_refused_with_those_that_are(vector: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"no service v2.*market_profitability_v1"):
        vector(BET, service="v2")


@pytest.mark.parametrize("text", ["{", "[]", "[1]", '"bet"'])
def test_json_that_is_no_bet_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="JSON"):
        parse_bets(text)


def test_a_row_that_cannot_be_read_is_refused_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "bets.jsonl"
    path.write_text(f"{json.dumps(BET)}\n{{\n")
    with pytest.raises(SourceRejected, match=r"Bet 2 of .* not readable as JSON"):
        read_bets(path)


# ---- stores that cannot serve --------------------------------------------------------------------------------------


def test_a_redis_that_does_not_answer_is_unreachable(store: Connections) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1/0"):
        score(dataclasses.replace(store, redis=Redis("redis://127.0.0.1:1/0")), [BET], now=NOW)


def test_a_store_that_was_not_applied_says_what_to_run(connections: Connections) -> None:
    with pytest.raises(ConfigurationError, match="pikkit apply"):
        score(connections, [BET], now=NOW)


# ---- the command ---------------------------------------------------------------------------------------------------


def test_the_command_takes_options_and_answers_in_json(store: Connections, vector: Any, tmp_path: Path) -> None:
    options = [f"--{name.replace('_', '-')}={value}" for name, value in BET.items() if name != "is_live"]
    done = pikkit("score", "--no-live", "--json", *options, environ=_environ(store, tmp_path), cwd=tmp_path)
    (bet,) = json.loads(done.stdout)["bets"]
    assert list(bet["features"].items()) == list(vector(BET).values.items())
    assert bet["views"]["sport_market_recent"] == {
        "event_timestamp": NOW.isoformat(),
        "age_seconds": 0,
        "ttl_seconds": 3600,
        "is_stale": False,
    }


def test_the_command_warns_of_stale_values_and_shows_null_as_a_dash(store: Connections, tmp_path: Path) -> None:
    late = _environ(store, tmp_path, PIKKIT_NOW=(NOW + timedelta(hours=2)).isoformat())
    done = pikkit("score", "--bet", json.dumps([BET, NEVER_SEEN]), environ=late, cwd=tmp_path)
    row = next(line.split() for line in done.stdout.splitlines() if line.startswith("sport_win_rate "))
    assert (row[2:], done.returncode) == (["-", "sport_stats"], 0)
    assert f"Warning: values past their TTL in sport_market_recent; the newest are as of {NOW:%Y-%m-%d}" in done.stderr
    assert "2 h ago. They are null. " in " ".join(done.stderr.split())


def test_the_command_says_that_a_bet_is_not_online(store: Connections, bets: pl.DataFrame, tmp_path: Path) -> None:
    asked = json.dumps([{"id": "nowhere"}, {"id": bets["id"][-1]}])
    lookup = ("score", "--service", bet_lookup_v1.name, "--bet", asked)
    done = pikkit(*lookup, environ=_environ(store, tmp_path), cwd=tmp_path)
    assert (done.returncode, "No such bet is online: nowhere. " in done.stderr) == (0, True)


@pytest.mark.parametrize(("bet", "is_told"), [(BET, False), (NEVER_SEEN, True)])
def test_the_command_says_when_nothing_is_known_at_all(
    store: Connections, tmp_path: Path, bet: dict[str, Any], is_told: bool
) -> None:
    done = pikkit("score", "--bet", json.dumps(bet), environ=_environ(store, tmp_path), cwd=tmp_path)
    assert (done.returncode, "knows none of these groups" in " ".join(done.stderr.split())) == (0, is_told)


@pytest.mark.parametrize("arguments", [(), ("--bet", "{}", "--sport", "Soccer"), ("--bet", '{"sport": "Soccer"}')])
def test_the_command_ends_with_2_when_it_is_not_told_what_to_score(
    store: Connections, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = pikkit("score", *arguments, environ=_environ(store, tmp_path), cwd=tmp_path)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)


def _environ(store: Connections, directory: Path, **differs: str) -> dict[str, str]:
    return environ_of(store, directory / "home", **({"PIKKIT_NOW": NOW.isoformat()} | differs))
