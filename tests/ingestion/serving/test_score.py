"""One bet, however it is given, becomes the vector that Feast serves for it; and what cannot be scored is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import redis

from feature_repo import clock
from feature_repo.errors import ConfigurationError, SourceRejected, Unreachable
from feature_repo.group_keys import entity_rows
from feature_repo.servers.connections import Connections, Postgres, Redis
from feature_repo.services import bet_lookup_v1, market_profitability_at_placement_v1, market_profitability_v1
from feature_repo.store import store_at
from ingestion.cli.serve.score_warnings import warn_of_naive
from ingestion.sample.sample import generate_sample, write_sample
from ingestion.serving.score import Vector, parse_bets, read_bets, score_bets
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW
from tests.rigs.commands import environ_of, pikkit_here
from tests.rigs.databases import emptied_redis, temporary_database
from tests.rigs.lenient_pipeline import run

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
    return generate_sample(600, NOW, seed=7)


@pytest.fixture(scope="module")
def store(
    servers: Connections,
    applied_template: Postgres,
    bets: pl.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Connections]:
    """A store into which 600 bets were run at NOW."""
    with temporary_database(servers.postgres, applied_template) as postgres:
        with redis.Redis.from_url(servers.redis.url) as client:
            client.flushdb()
        path = tmp_path_factory.mktemp("score") / "bets.parquet"
        write_sample(bets, path)
        connections = Connections(postgres, servers.redis, embedded=False)
        clock.set_now(NOW)
        run(connections, open_file(path))
        clock.set_now(None)
        yield connections


@pytest.fixture
def vector(store: Connections) -> Any:
    def vector(bet: dict[str, Any], **differs: Any) -> Vector:
        return score_bets(store, [bet], **({"now": NOW} | differs)).vectors[0]

    return vector


# ---- what comes out ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", [market_profitability_at_placement_v1, market_profitability_v1])
def test_a_vector_equals_the_answer_of_feast_in_the_order_of_the_service(store: Connections, service: Any) -> None:
    bets = [BET | {"clv_percentage": 2.5}, NEVER_SEEN | {"clv_percentage": None}]
    clock.set_now(NOW)
    served = store_at(store).get_online_features(service, entity_rows(bets)).to_dict()
    features = [field.name for view in service.feature_view_projections for field in view.features]
    assert [list(one.values.items()) for one in score_bets(store, bets, service=service.name, now=NOW).vectors] == [
        [(feature, served[feature][position]) for feature in features] for position in (0, 1)
    ]


def test_count_of_a_group_with_history_is_scored_and_of_an_unknown_group_null(vector: Any, bets: pl.DataFrame) -> None:
    newest = bets.group_by("id", maintain_order=True).last()
    graded = newest.filter(pl.col("sport") == "Soccer", pl.col("status").is_in(["SETTLED_WIN", "SETTLED_LOSS"]))
    assert vector(BET).values["sport_count"] == graded.height > 0
    assert vector(NEVER_SEEN).values["sport_count"] is None


def test_scored_vectors_keep_the_order_of_more_bets_than_a_batch_holds(store: Connections) -> None:
    bets = [BET | {"american_odds": 100 + number} for number in range(501)]
    implied = [one.values["implied_prob"] for one in score_bets(store, bets, now=NOW).vectors]
    assert implied == [100 / (200 + number) for number in range(501)]


def test_stored_bet_is_looked_up_by_the_id_alone(vector: Any, bets: pl.DataFrame) -> None:
    bet = bets.row(-1, named=True)
    values = vector({"id": bet["id"]}, service=bet_lookup_v1.name).values
    assert {name: values[name] for name in ("sport", "market", "amount")} == {
        name: bet[name] for name in ("sport", "market", "amount")
    }


def test_values_of_a_run_that_is_just_over_are_as_old_as_the_run(vector: Any) -> None:
    ages = {one.view: one.age for one in vector(BET, now=NOW + timedelta(minutes=3)).views}
    assert ages["sport_stats"] == ages["sport_market_recent"] == timedelta(minutes=3)


def test_a_scored_view_is_stale_past_the_ttl_and_fresh_at_the_ttl(vector: Any) -> None:
    stale = [one.view for one in vector(BET, now=NOW + timedelta(hours=24)).views if one.is_stale]
    assert stale == ["sport_market_recent"]


def test_scored_values_past_the_ttl_are_null_and_fresh_values_stay(vector: Any) -> None:
    late = vector(BET, now=NOW + timedelta(hours=2)).values
    assert (late["sport_market_count"], late["recent_win_rate"]) == (None, None)
    assert late["sport_count"] == vector(BET).values["sport_count"] is not None


def test_view_without_a_row_for_the_bet_has_no_age_and_is_not_stale(vector: Any) -> None:
    assert {(one.event_timestamp, one.age, one.is_stale) for one in vector(NEVER_SEEN).views} == {(None, None, False)}


# ---- what goes in --------------------------------------------------------------------------------------------------


def test_bet_to_score_is_normalised_as_at_ingestion(vector: Any) -> None:
    differently = {"sport": " Soccer ", "american_odds": "-110.0", "bet_type": "STRAIGHT", "is_live": "f"}
    assert vector(BET | differently) == vector(BET)


def test_bet_to_score_without_time_placed_counts_as_placed_now(vector: Any) -> None:
    bet = {name: value for name, value in BET.items() if name != "time_placed"}
    assert vector(bet, now=NOW + timedelta(hours=2)).values["hour_of_day"] == (NOW + timedelta(hours=2)).hour


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_file_of_bets_gives_the_same_vector_in_every_format(vector: Any, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bets.{suffix}"
    write_sample(pl.DataFrame([BET | {"time_placed": NOW}]), path)
    (bet,) = read_bets(path)
    assert vector(bet) == vector(BET)


def test_all_missing_values_of_a_bet_to_score_are_named_at_once(vector: Any) -> None:
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


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        ({"american_odds": 1.91}, "American odds are -100 and below, or +100 and above"),
        ({"american_odds": 1.91}, "As a decimal price 1.91 is american_odds -110"),
        ({"american_odds": "2.5"}, "As a decimal price 2.5 is american_odds +150"),
        ({"american_odds": None, "odds": 1.91, "is_live": "?"}, "As a decimal price 1.91 is american_odds -110"),
        ({"bet_type": "straigth"}, "A bet_type is one of straight, parlay"),
        ({"bet_type": "straigth"}, "'straigth' may be straight"),
        ({"time_placed": "2026-05-01"}, "with its time of day and its zone, such as 2026-05-24T15:00:00Z"),
        ({"time_placed": (NOW + timedelta(days=1)).isoformat()}, f"The clock stands at {NOW:%Y-%m-%dT%H:%M:%SZ}"),
    ],
)
def test_an_invalid_value_to_score_is_refused_with_the_valid_form(
    vector: Any, wrong: dict[str, Any], advice: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        vector(BET | wrong)
    assert advice in refused.value.next_step


def test_a_type_of_bet_that_is_unknown_is_null_and_not_missing(vector: Any) -> None:
    assert [vector(BET | {"bet_type": blank}).values["bet_type_encoded"] for blank in (None, "  ")] == [None, None]


def test_the_invalid_bet_among_several_is_named(store: Connections) -> None:
    with pytest.raises(ConfigurationError, match="bet 2: american_odds: not a whole number"):
        score_bets(store, [BET, BET | {"american_odds": 1.91}], now=NOW)


def test_unknown_service_to_score_is_refused_with_the_declared_services(vector: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"no service v2.*market_profitability_v1"):
        vector(BET, service="v2")


@pytest.mark.parametrize("text", ["{", "[]", "[1]", '"bet"'])
def test_json_that_is_no_bet_to_score_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="JSON"):
        parse_bets(text)


def test_unknown_keys_of_a_bet_are_refused_with_the_nearest_known_key() -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_bets(json.dumps([BET | {"markt": "Spread"}, BET | {"xyz": 5, "bet_id": "b", "profit": 1}]))
    assert refused.value.what == "A bet has no 'markt' (did you mean 'market'?), 'xyz'"
    assert refused.value.exit_code == 2


def test_unreadable_row_of_bets_to_score_is_refused_with_the_row_number(tmp_path: Path) -> None:
    path = tmp_path / "bets.jsonl"
    path.write_text(f"{json.dumps(BET)}\n{{\n")
    with pytest.raises(SourceRejected, match=r"Bet 2 of .* not readable as JSON"):
        read_bets(path)


# ---- stores that cannot serve --------------------------------------------------------------------------------------


def test_a_redis_that_does_not_answer_is_unreachable(store: Connections) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1/0"):
        score_bets(dataclasses.replace(store, redis=Redis("redis://127.0.0.1:1/0")), [BET], now=NOW)


def test_scoring_a_store_that_was_not_applied_names_the_command_to_run(connections: Connections) -> None:
    with pytest.raises(ConfigurationError, match="pikkit apply"):
        score_bets(connections, [BET], now=NOW)


# ---- the command ---------------------------------------------------------------------------------------------------


def test_score_command_takes_a_bet_from_options_and_prints_json(
    store: Connections, vector: Any, tmp_path: Path
) -> None:
    options = [f"--{name.replace('_', '-')}={value}" for name, value in BET.items() if name != "is_live"]
    done = pikkit_here("score", "--no-live", "--json", *options, environ=_environ(store, tmp_path))
    (bet,) = json.loads(done.stdout)["bets"]
    assert list(bet["features"].items()) == list(vector(BET).values.items())
    assert bet["views"]["sport_market_recent"] == {
        "event_timestamp": NOW.isoformat(),
        "age_seconds": 0,
        "ttl_seconds": 3600,
        "is_stale": False,
    }


def test_score_command_warns_of_stale_values_and_shows_null_as_a_dash(store: Connections, tmp_path: Path) -> None:
    late = _environ(store, tmp_path, PIKKIT_NOW=(NOW + timedelta(hours=2)).isoformat())
    done = pikkit_here("score", "--bet", json.dumps([BET, NEVER_SEEN]), environ=late)
    row = next(line.split() for line in done.stdout.splitlines() if line.startswith("sport_win_rate "))
    assert (row[2:], done.returncode) == (["-", "sport_stats"], 0)
    assert f"Warning: values past their TTL in sport_market_recent; the newest are as of {NOW:%Y-%m-%d}" in done.stderr
    assert "2 h ago. They are null. " in " ".join(done.stderr.split())


def test_score_command_names_a_bet_that_is_not_online(store: Connections, bets: pl.DataFrame, tmp_path: Path) -> None:
    asked = json.dumps([{"id": "nowhere"}, {"id": bets["id"][-1]}])
    lookup = ("score", "--service", bet_lookup_v1.name, "--bet", asked)
    done = pikkit_here(*lookup, environ=_environ(store, tmp_path))
    assert (done.returncode, "No such bet is online: nowhere. " in done.stderr) == (0, True)


def test_score_command_on_an_emptied_redis_warns_that_no_group_is_known(
    store: Connections, servers: Connections, tmp_path: Path
) -> None:
    elsewhere = dataclasses.replace(store, redis=emptied_redis(servers.redis))
    done = pikkit_here("score", "--bet", json.dumps(BET), environ=_environ(elsewhere, tmp_path))
    assert (done.returncode, "knows none of these groups" in done.stderr) == (0, True)


def test_score_command_reports_unknown_names_with_the_nearest_known_name(store: Connections, tmp_path: Path) -> None:
    misspelt = BET | {"sport": "soccer", "market": "Total Gaols", "institution_name": "Bookie & Sons"}
    asked = json.dumps([misspelt, misspelt | {"market": None}, BET])
    done = pikkit_here("score", "--json", "--bet", asked, environ=_environ(store, tmp_path))
    document = json.loads(done.stdout)
    assert [bet["unknown_names"] for bet in document["bets"]] == [
        {"sport": "soccer", "market": "Total Gaols", "institution_name": "Bookie & Sons"},
        {"sport": "soccer", "institution_name": "Bookie & Sons"},
        {},
    ]
    told = {one["column"]: (one["name"], one["bets"], one["nearest"][:1]) for one in document["unknown_names"]}
    assert told == {
        "sport": ("soccer", 2, ["Soccer"]),
        "market": ("Total Gaols", 1, ["Total Goals"]),
        "institution_name": ("Bookie & Sons", 2, []),
    }
    assert done.returncode == 0
    assert "the store does not know sport 'soccer' (did you mean 'Soccer'?); market 'Total Gaols'" in done.stderr
    assert "`pikkit groups sport`, `pikkit groups market`, `pikkit groups book`" in done.stderr
    assert "knows none of these groups" not in done.stderr


def test_score_command_scores_omitted_options_as_unknown_and_names_the_options(
    store: Connections, tmp_path: Path
) -> None:
    done = pikkit_here("score", "--sport", "Soccer", "--json", environ=_environ(store, tmp_path))
    features = json.loads(done.stdout)["bets"][0]["features"]
    assert (features["sport_count"] > 0, features["bet_type_encoded"], features["implied_prob"]) == (True, None, None)
    left_out = "taken as unknown: market, league, institution_name, bet_type, american_odds, is_live."
    assert (done.returncode, left_out in done.stderr) == (0, True)


def test_score_command_reads_an_instant_without_a_zone_as_utc_and_suggests_the_utc_spelling(
    store: Connections, tmp_path: Path
) -> None:
    environ = _environ(store, tmp_path)
    naive = pikkit_here("score", "--sport", "Soccer", "--time-placed", "2026-05-01T12:00", "--json", environ=environ)
    aware = pikkit_here("score", "--sport", "Soccer", "--time-placed", "2026-05-01T12:00Z", "--json", environ=environ)
    assert "2026-05-01T12:00Z for UTC" in naive.stderr
    assert "names no zone" not in aware.stderr
    documents = [json.loads(done.stdout) for done in (naive, aware)]
    assert [document.pop("naive_instants") for document in documents] == [["2026-05-01T12:00"], []]
    assert documents[0] == documents[1]


def test_warning_of_instants_without_a_zone_names_ten_and_counts_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    texts = [f"2026-05-01T12:{minute:02}" for minute in range(12)]
    warn_of_naive(texts[:10])
    warn_of_naive(texts)
    ten, twelve = capsys.readouterr().err.splitlines()
    assert (ten[:9], "more" in ten, f"{texts[9]!r}, and 2 more. A zone" in twelve) == ("Warning: ", False, True)


@pytest.mark.parametrize("arguments", [(), ("--bet", "{}", "--sport", "Soccer"), ("--bet", '{"sport": "Soccer"}')])
def test_score_command_with_missing_conflicting_or_incomplete_bet_arguments_exits_2(
    store: Connections, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = pikkit_here("score", *arguments, environ=_environ(store, tmp_path))
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)


def _environ(store: Connections, directory: Path, **differs: str) -> dict[str, str]:
    return environ_of(store, directory / "home", **({"PIKKIT_NOW": NOW.isoformat()} | differs))
