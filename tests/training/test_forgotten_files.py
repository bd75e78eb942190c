"""Bets that were forgotten leave datasets, whose manifests stay true; models say how many of theirs are gone."""

from __future__ import annotations

import dataclasses
import json
import shutil
from datetime import timedelta

import polars as pl
import pytest

from ingestion.database.access import connect
from tests.builders.bet_files import jsonl
from tests.builders.bettors import FIRST_DAY, bettor
from tests.rigs.commands import environ_of, pikkit_here
from training.artefacts.model_store import ModelStore
from training.forgotten_files import models_trained_on
from training.manifest import ModelManifest, read_pinned, write_manifest

DAYS = 40
NOW = (FIRST_DAY + timedelta(days=DAYS, hours=6)).isoformat()


@pytest.fixture
def do(new_applied, tmp_path):
    connections = new_applied()

    def do(*arguments, exit_code=0):
        environ = environ_of(connections, tmp_path / "home", PIKKIT_NOW=NOW)
        done = pikkit_here(*arguments, environ=environ)
        assert done.returncode == exit_code, done.stderr
        return done

    do.connections = connections
    return do


def test_datasets_and_manifests_lose_forgotten_bets(do, tmp_path):
    rows = bettor(1.0, a_day=5, days=DAYS)
    do("run", "--source", jsonl(tmp_path / "bets.jsonl", *rows))
    do("dataset", "--out", tmp_path / "set")
    shutil.copytree(tmp_path / "set", tmp_path / "elsewhere")
    _keep_model(tmp_path)
    with connect(do.connections.postgres, purpose="test") as connection:
        (model,) = models_trained_on(tmp_path / "home", connection, ["bet-00003", "bet-00004", "nobody's"])
        assert model.note == "was trained on 2 of them, and holds no row of any"
        assert models_trained_on(tmp_path / "home", connection, ["nobody's"]) == []

    receipt = json.loads(do("forget", "--bet", "bet-00003", "--yes", "--json").stdout)
    counts = {place["place"]: place for place in receipt["places"]}
    assert counts[str(tmp_path / "set")]["removed"] == 1
    assert "was trained on 1 of them" in counts["model m"]["note"]

    frame, manifest = pl.read_parquet(tmp_path / "set" / "bets.parquet"), read_pinned(tmp_path / "set")
    assert "bet-00003" not in frame["id"].to_list()
    assert frame.height == manifest.data.rows == len(rows) - 1
    document = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert [entry["bets"] for entry in document["forgotten"]] == [1]
    assert sum(document["parts"].values()) == len(rows) - 1
    do("dataset", "--from", tmp_path / "set", "--out", tmp_path / "again")
    assert pl.read_parquet(tmp_path / "again" / "bets.parquet").equals(frame)

    refused = do("dataset", "--from", tmp_path / "elsewhere", "--out", tmp_path / "not", exit_code=2).stderr
    assert f"1 of the {len(rows)} bets of set were forgotten since" in refused
    do("forget", "--bet", "bet-00004", "--yes", "--in", tmp_path / "elsewhere")
    assert "bet-00004" not in pl.read_parquet(tmp_path / "elsewhere" / "bets.parquet")["id"].to_list()


def _keep_model(here):
    """A model of the dataset's bets, as far as its manifest goes."""
    data = read_pinned(here / "set").data
    directory = ModelStore.of_home(here / "home").place / "m"
    directory.mkdir(parents=True)
    write_manifest(directory, dataclasses.replace(ModelManifest("m", NOW, "1", data, {}, {}, {}, {})))
