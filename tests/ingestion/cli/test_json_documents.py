"""docs/json.md has every field of every `--json`, and no other: the real documents of one store beside the page.

Those of `demo`, `plan`, `publish-supabase` and of training are held beside it where those commands run (test_demo.py,
test_plan.py, test_publish_supabase.py, test_trained_store.py).
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

from feature_repo.servers.connections import Connections, Postgres
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.builders.json_documents import check_documents, sections, steps_of
from tests.builders.source_table import create_bets, put
from tests.ingestion.cli.test_cli_help import COMMANDS
from tests.ingestion.conftest import conninfo
from tests.rigs.commands import environ_of, pikkit_here
from tests.rigs.databases import create_database, drop_database
from tests.rigs.receiver import receiver

ELSEWHERE = {
    "demo",
    "plan",
    "publish-supabase",
    "dataset",
    "train",
    "audit",
    "models list",
    "models show",
    "models compare",
    "models promote",
}
WHOLE = {"sport": "Soccer", "league": None, "market": None, "institution_name": None, "american_odds": 100}
WHOLE |= {"bet_type": "straight", "is_live": False}


@pytest.fixture(scope="module")
def printed(
    servers: Connections, applied_template: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[Any]]:
    """By command, the documents that it printed, of one store with two streams, alerts and refused rows."""
    here = tmp_path_factory.mktemp("documents")
    store = create_database(servers.postgres, template=applied_template)
    table = create_database(servers.postgres)
    connections = dataclasses.replace(servers, postgres=store, embedded=False)
    create_bets(table)
    put(table, bet("in the table", 1))
    ours = environ_of(connections, here / "home", PIKKIT_NOW=NOW.isoformat(), PIKKIT_REPORT=str(here / "report.html"))
    theirs = ours | {"SOURCE_POSTGRES_URL": conninfo(table), "SOURCE_TABLE": "bets"}
    strict = {name: value for name, value in ours.items() if name != "PIKKIT_GATES"}
    found: dict[str, list[Any]] = defaultdict(list)

    def run(command: str, *arguments: str | Path, environ: dict[str, str] = ours) -> None:
        done = pikkit_here(*command.split(), *arguments, "--json", environ=environ)
        document = json.loads(done.stdout)
        found["errors" if "error" in document else command].append(document)

    run("run", environ=strict)  # names no source
    first = [bet("won", 1), lost("lost", 2, amount=1e6, profit=-1e6), bet("refused", status="?")]
    run("run", "--source", jsonl(here / "first.jsonl", *first))
    run("sample", "--out", here / "sample.parquet", "--bets", "20")
    run("sample", "--out", here / "export.csv", "--bets", "20", "--as", "pikkit-export")
    run("run", "--source", here / "export.csv")
    run("sync", "--source", here / "export.csv")
    run("sync", environ=theirs)
    run("reconcile", environ=theirs)
    run("quarantine list")
    run("quarantine show", "--id", "refused")
    run("quarantine retry", "--all")
    run("quarantine dismiss", "--all", "--why", "known")
    run("quarantine dismiss", "--all", "--undo")
    run("run", "--source", jsonl(here / "second.jsonl", bet("new", 3)), environ=strict)  # refused by the gate
    run("gate")
    run("status")
    run("alerts")
    run("metrics")
    with receiver() as hook:
        run("alerts", "test", environ=ours | {"ALERT_URLS": hook.webhook})
    run("status", environ=ours | {"REDIS_URL": "redis://127.0.0.1:1/0"})
    run("run", "--source", here / "first.jsonl", "--override-gate", "known", environ=strict)
    run("gate")
    run("status")
    run("alerts", "--all")
    run("explain", "sport_win_rate", "--key", "Soccer", "--all")
    run("explain", "market_profitability_v1", "--bet", "won", "--limit", "2")
    run("diff", "2026-05-01", "now")
    run("diff", *(found["run"][place]["run_id"] for place in (0, -1)))
    run("diff", *(_training_frame(here / f"{wins}.parquet", wins) for wins in (1, 2)))
    run("export", "--to", here / "exported")
    with psycopg.connect(**store.conninfo, autocommit=True) as database:
        database.execute(
            "update features.feature_metadata set definition_hash = 'of yesterday' where feature = 'sport_roi'"
        )
    run("score", "--bet", json.dumps(WHOLE | {"sport": "Socer", "time_placed": "2026-05-24T14:00:00"}))
    for command in (
        "up",
        "down",
        "doctor",
        "migrate",
        "apply",
        "backfill",
        "verify",
        "materialize",
        "runs",
        "report",
        "features",
        "groups",
    ):
        run(command)
    of_a_run = ("--run", found["runs"][0]["runs"][-1]["run_id"])
    lineage_file = ours | {"PIKKIT_LINEAGE_FILE": str(here / "events.jsonl")}
    run("materialize", environ=lineage_file)
    for arguments in ((), ("sport_roi",), ("source:amount",), of_a_run):
        run("lineage", *arguments)
    run("runs", "show", of_a_run[1])
    for arguments in (("--bet", "won", "--dry-run"), ("--bet", "won", "--yes"), ("--finish",)):
        run("forget", *arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "prefix", str(here))  # an environment of its own, where no server runs
        run("down", "--all")
    running = {name: value for name, value in ours.items() if name != "PIKKIT_NOW"}
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    ahead = jsonl(here / "ahead.jsonl", bet("known ahead", 4))
    run("run", "--source", ahead, "--clock-ahead", "--now", tomorrow.isoformat(), environ=running)
    run("backfill", "--rewind", environ=running)
    for database in (store, table):
        drop_database(database)
    return found


def _training_frame(path: Path, wins: int) -> Path:
    pl.DataFrame({"sport": ["Soccer"], "event_timestamp": [NOW], "sport_count": [wins]}).write_parquet(path)
    return path


def test_docs_json_lists_exactly_the_fields_of_every_document(printed: dict[str, list[Any]]) -> None:
    with_json = {
        name for name, command in COMMANDS.items() if "--json" in {each for p in command.params for each in p.opts}
    }
    assert sections().keys() == with_json | {"errors", "steps"}
    assert printed.keys() == with_json - ELSEWHERE | {"errors"}
    for section, documents in printed.items():
        check_documents(section, *documents)
    check_documents("steps", *steps_of(list(printed.values())))
