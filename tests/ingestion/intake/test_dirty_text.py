"""Text that looks like an attack, a format or a mistake is data: out of every store it comes as it went in.

Names come in their one spelling (feature_repo/bets/names.py), ids to the character.

One store, into which each text of `dirty.TEXTS` was run as the id and as every name of a bet, then as the status of
another, which is refused. A price of its own tells every bet from the others.
"""

from __future__ import annotations

import json
import unicodedata

import pandas as pd
import polars as pl
import psycopg
import pytest
import redis

from feature_repo import clock
from feature_repo.group_keys import entity_frame, entity_rows
from feature_repo.servers.connections import Connections
from feature_repo.store import store_at
from ingestion.pipeline import run_pipeline, run_sync
from ingestion.serving.export.export import export_store
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, jsonl
from tests.builders.hostile_text import KEPT_NAMES, NAMED, TEXTS, ordinary_and_named, refused
from tests.builders.source_table import put
from tests.rigs.commands import environ_of, pikkit
from tests.rigs.databases import temporary_database

NAMES = ["sport", "league", "market", "institution_name"]
REFUSED = {text: refused(number, text) for number, text in enumerate(TEXTS.values())}


@pytest.fixture(scope="module")
def store(servers, applied_template, tmp_path_factory):
    files = tmp_path_factory.mktemp("files")
    with redis.Redis.from_url(servers.redis.url) as client:
        client.flushdb()
    with temporary_database(servers.postgres, applied_template) as postgres:
        connections = Connections(postgres, servers.redis, embedded=False)
        clock.set_now(NOW)
        run_pipeline(connections, open_file(ordinary_and_named(files / "named.jsonl")))
        run_sync(connections, open_file(jsonl(files / "refused.jsonl", *REFUSED.values())))
        clock.set_now(None)
        yield connections


@pytest.fixture
def rows(store):
    def rows(query, *params):
        with psycopg.connect(**store.postgres.conninfo) as connection:
            return connection.execute(query, params or None).fetchall()

    return rows


@pytest.fixture
def tell(store, tmp_path):
    """What a command says, told to end well."""

    def tell(*arguments):
        environ = environ_of(store, tmp_path / "home", PIKKIT_NOW=NOW.isoformat(), COLUMNS="200")
        done = pikkit(*arguments, environ=environ, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return tell


# ---- Postgres -------------------------------------------------------------------------------------------------------


def test_postgres_holds_every_name_of_every_bet_as_sent(rows):
    kept = rows(f"select id, {', '.join(NAMES)}, american_odds from processed.bets where id = any(%s)", list(NAMED))
    assert {bet_id: [*names] for bet_id, *names in kept} == {
        text: [KEPT_NAMES[text]] * 4 + [bet["american_odds"]] for text, bet in NAMED.items()
    }


def test_refused_row_keeps_the_text_of_the_payload(rows):
    kept = rows("select payload ->> 'status', payload ->> 'league' from quarantine.bets order by seq")
    assert sorted(kept) == sorted((text, NAMED[text]["league"]) for text in TEXTS.values())


def test_hostile_texts_are_refused_only_in_the_status_column(rows):
    assert rows("select distinct reasons from quarantine.bets") == [(["status: unknown value"],)]


def test_each_text_has_a_distinct_code_in_the_vocabulary(rows):
    for column in ("sport", "league", "market", "institution_name"):
        codes = rows("select value, code from features.vocabulary where column_name = %s", column)
        known = {value: code for value, code in codes if value in KEPT_NAMES.values()}
        assert len(set(known.values())) == len(NAMED), column


# ---- Feast ----------------------------------------------------------------------------------------------------------

# The ROI of a group that holds one bet is the price of that bet.
GROUPS = [
    "sport_stats:sport_roi",
    "sport_market_stats:sport_market_roi",
    "sport_league_stats:sport_league_roi",
    "sport_league_market_stats:sport_league_market_roi",
    "institution_stats:institution_roi",
]
BET = [f"bet_facts:{name}" for name in NAMES]


@pytest.mark.parametrize("feature", GROUPS)
def test_redis_serves_a_distinct_value_to_each_group(store, feature):
    clock.set_now(NOW)
    answer = store_at(store).get_online_features(features=[feature], entity_rows=entity_rows([*NAMED.values()]))
    assert answer.to_dict()[feature.split(":")[1]] == [bet["american_odds"] for bet in NAMED.values()]


def test_redis_serves_the_names_of_each_bet_as_sent(store):
    clock.set_now(NOW)
    asked = [{"bet_id": text} for text in NAMED]
    answer = store_at(store).get_online_features(features=BET, entity_rows=asked).to_dict()
    assert {name: answer[name] for name in NAMES} == {key: [*KEPT_NAMES.values()] for key in NAMES}


def test_training_rows_hold_a_distinct_value_for_each_group(store):
    clock.set_now(NOW)
    asked = entity_frame([bet | {"time_placed": NOW} for bet in NAMED.values()])
    frame = store_at(store).get_historical_features(asked, features=GROUPS).to_df().set_index("bet_id")
    prices = [[bet["american_odds"]] * len(GROUPS) for bet in NAMED.values()]
    assert frame.loc[list(NAMED), [feature.split(":")[1] for feature in GROUPS]].to_numpy().tolist() == prices


def test_training_rows_hold_the_names_of_each_bet_as_sent(store):
    asked = pd.DataFrame({"bet_id": list(NAMED), "event_timestamp": pd.Timestamp(NOW)})
    frame = store_at(store).get_historical_features(asked, features=BET).to_df().set_index("bet_id")
    names = {name: frame.loc[list(NAMED), name].tolist() for name in NAMES}
    assert names == {key: [*KEPT_NAMES.values()] for key in NAMES}


# ---- files and tables ------------------------------------------------------------------------------------------------


def test_parquet_export_holds_the_names_of_each_bet_as_sent(store, tmp_path):
    export_store(store.postgres, str(tmp_path / "out"))
    files = [*(tmp_path / "out" / "bets").rglob("*.parquet")]
    found = pl.concat(pl.read_parquet(file, hive_partitioning=False) for file in files)
    kept = found.filter(pl.col("id").is_in(list(NAMED))).select("id", *NAMES).rows()
    assert sorted(kept) == sorted((text, *[name] * 4) for text, name in KEPT_NAMES.items())


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_every_file_type_keeps_names_unchanged(tmp_path, suffix):
    frame, file = pl.DataFrame(list(NAMED.values())), tmp_path / f"bets.{suffix}"
    {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}[suffix](file)
    (page,) = open_file(file).pages()
    assert page.rows.select("id", *NAMES).rows() == [
        tuple(bet[name] for name in ("id", *NAMES)) for bet in NAMED.values()
    ]


def test_partial_sync_selects_a_sport_by_any_name(source, sync):
    r"""Over PostgREST the name stands in an address, among operators and quotes; \N asks for bets without one."""
    put(source.postgres, *NAMED.values())
    sports = [bet["sport"] for bet in NAMED.values()]
    assert {sport: sync(sport=sport).rows_read for sport in sports} == dict.fromkeys(sports, 1) | {r"\N": 0}


# ---- the command line -----------------------------------------------------------------------------------------------


def harmful(told):
    """What of it would do something to a terminal: escapes, and marks that turn the direction of writing."""
    return {c for c in told if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"}


def test_quarantine_list_of_hostile_texts_prints_no_control_character(tell):
    told = tell("quarantine", "list", "--limit", "100")
    assert (harmful(told), told.splitlines()[-1]) == (set(), f"{len(TEXTS)} open rows. Nothing was changed.")


@pytest.mark.parametrize("kind", ["terminal", "right to left", "rich markup", "zero width", "csv"])
def test_refused_row_with_control_characters_is_printed_escaped(tell, rows, kind):
    ((seq,),) = rows("select seq from quarantine.bets where payload ->> 'status' = %s", TEXTS[kind])
    told = tell("quarantine", "show", str(seq))
    spelled = json.dumps(TEXTS[kind])
    assert harmful(told) == set()
    assert f">  status            {spelled}" in told


def test_quarantine_list_as_json_gives_every_hostile_text_unchanged(tell):
    refused = json.loads(tell("quarantine", "list", "--json"))["rows"]
    assert {json.loads(row["payload"])["status"] for row in refused} == set(TEXTS.values())


def test_refused_row_is_found_by_any_id_text(tell):
    told = json.loads(tell("quarantine", "list", "--json", "--id", "refused 7"))
    assert [row["id"] for row in told["rows"]] == ["refused 7"]


def test_score_as_json_gives_hostile_ids_and_names_unchanged(tell, tmp_path):
    file = jsonl(tmp_path / "asked.jsonl", *({"id": text} for text in NAMED))
    told = json.loads(tell("score", "--file", file, "--service", "bet_lookup_v1", "--json"))
    assert [(bet["bet_id"], bet["features"]["market"]) for bet in told["bets"]] == [
        (text, name) for text, name in KEPT_NAMES.items()
    ]


def test_score_of_hostile_bets_prints_no_control_character(tell, tmp_path):
    file = jsonl(tmp_path / "asked.jsonl", *({"id": text} for text in NAMED))
    assert harmful(tell("score", "--file", file, "--service", "bet_lookup_v1")) == set()


def test_score_table_escapes_line_breaks_in_bet_ids(tell, tmp_path):
    file = jsonl(tmp_path / "asked.jsonl", {"id": TEXTS["lines"]}, {"id": TEXTS["csv"]})
    header, *_ = tell("score", "--file", file, "--service", "bet_lookup_v1").splitlines()
    assert header.split() == ["feature", r"a\nb\tc\x0bd", r'a,"b";c\r\nd', "view"]


def test_catalogue_and_status_print_a_store_of_hostile_texts(tell):
    assert harmful(tell("status") + tell("features", "--service", "bet_lookup_v1")) == set()
