"""Reports of real stores: one without migrations, one without a run, and one of hostile names and a refusal."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from feature_repo import clock
from feature_repo.errors import GateRefused
from feature_repo.servers.connections import Connections, Postgres
from ingestion.pipeline import run_pipeline
from ingestion.report.contents import report_contents
from ingestion.report.page import report_page
from ingestion.runs.status import store_status
from ingestion.sample.sample import generate_sample, write_sample
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, bet
from tests.builders.hostile_text import TEXTS
from tests.rigs.databases import temporary_database

# Markup, an order of writing, and no end: what a name may do to a page.
HOSTILE = [TEXTS["html"], TEXTS["right to left"] + " \u2067\u05d0", "\U0001f3c0" * 100]
REASON = "\u202e<img src=http://127.0.0.1:1/x onerror=alert(1)> " + "y" * 5_000


@pytest.fixture(scope="session")
def pages(servers: Connections, applied_template: Postgres, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """By state, the report of a store in that state: pending, empty, overridden, hostile."""
    here = tmp_path_factory.mktemp("reports")
    made: dict[str, str] = {}
    clock.set_now(NOW)
    with store(servers, None) as pending:
        made["pending"] = report_page(report_contents(pending, store_status(pending, NOW)))
    with store(servers, applied_template) as hostile:
        made["empty"] = report_page(report_contents(hostile, store_status(hostile, NOW)))
        run_pipeline(hostile, open_file(hostile_bets(here)), override=REASON)
        made["overridden"] = report_page(report_contents(hostile, store_status(hostile, NOW)))
        clock.set_now(NOW + timedelta(minutes=5))
        with pytest.raises(GateRefused):
            run_pipeline(hostile, open_file(refused_bets(here)))
        made["hostile"] = report_page(report_contents(hostile, store_status(hostile, clock.now())))
    clock.set_now(None)
    return made


@contextmanager
def store(servers: Connections, template: Postgres | None) -> Iterator[Connections]:
    with temporary_database(servers.postgres, template) as postgres:
        yield dataclasses.replace(servers, postgres=postgres, embedded=False)


def hostile_bets(directory: Path) -> Path:
    """Ordinary bets, and so many under hostile names that a histogram has a bar for each."""
    path = directory / "<b onclick='x'>&\u202e.jsonl"
    write_sample(generate_sample(1_500, NOW, seed=7), path)
    with path.open("a", encoding="utf-8") as file:
        for number, name in enumerate(HOSTILE * 60):
            names = dict.fromkeys(("sport", "league", "market", "institution_name"), name)
            file.write(json.dumps(bet(f"{name} {number}", 1, **names)) + "\n")
    return path


def refused_bets(directory: Path) -> Path:
    """Stakes unlike any before, with a book of that name, and rows that are no bets."""
    path, book = directory / "refused.jsonl", {"institution_name": HOSTILE[0]}
    rows = [bet(f"{HOSTILE[0]} odd {number}", 2, amount=1e6 + number, **book) for number in range(60)]
    rows += [bet(f"no bet {number}", 2, status="MAYBE") for number in range(9)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
