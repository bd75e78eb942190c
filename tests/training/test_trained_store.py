"""From a file of bets to a judged, kept and served model, and to the same model again after the store has moved on."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import psycopg
import pytest

from feature_repo.declarations.feature_lists import FEATURE_LISTS
from feature_repo.servers.connections import Connections
from tests.builders.bet_files import bet, jsonl
from tests.builders.bettors import AFTERWARDS
from tests.builders.json_documents import check_documents
from tests.ingestion.lineage.conftest import events_of
from tests.training.conftest import TrainedStore
from training.learning.model import WinModel
from training.manifest import read_manifest

BET = {
    "sport": "Soccer",
    "league": "First",
    "market": "Moneyline",
    "institution_name": "Alpha",
    "american_odds": 100,
    "bet_type": "straight",
    "is_live": True,
}


def test_planted_edge_is_found_better_and_would_have_paid(trained: TrainedStore) -> None:
    judged = trained.document["evaluation"]["win"]["models"]
    assert {learner: each["conclusion"] for learner, each in judged.items()} == {
        "boosted": "better",
        "logistic": "better",
    }
    assert judged["boosted"]["money"].startswith("Would have paid: ")
    assert next(iter(trained.document["evaluation"]["win"]["importance"])) == "is_live"


def test_printed_judgement_begins_with_the_verdict_and_stands_beside_price_and_every_bet(trained: TrainedStore) -> None:
    printed = trained.pikkit("models", "show", trained.model.name).stdout
    served = trained.document["parameters"]["win"]["served"]["learner"]
    name = {"boosted": "Boosted trees", "logistic": "Logistic"}[served]
    assert printed.startswith(f"{name}: Better than the calibrated price")
    assert f"Served: {name.lower()}, which did best on validation" in printed
    assert printed.index("Would have paid") < printed.index("calibrated price  ") < printed.index("(every bet)")


def test_model_can_be_trained_again_from_the_manifest_after_regrades_new_bets_and_new_names(
    trained: TrainedStore, tmp_path: Path
) -> None:
    later = (AFTERWARDS + timedelta(days=1)).isoformat()
    regraded = [
        {**row, "status": "SETTLED_LOSS", "profit": -10.0, "updated_at": later} for row in trained.rows[:2000:20]
    ]
    added = [
        bet(f"new-{number}", sport="Curling", institution_name="Gamma", league="Third", time_placed=later,
            created_at=later, updated_at=later)
        for number in range(50)
    ]  # fmt: skip
    now = (AFTERWARDS + timedelta(days=2)).isoformat()
    ran = trained.pikkit("run", "--source", jsonl(trained.file, *trained.rows, *regraded, *added), PIKKIT_NOW=now)
    assert ran.returncode == 0, ran.stderr

    again = trained.pikkit(
        "train", "--from", trained.model, "--out", tmp_path / "again", "--json",
        PIKKIT_NOW=now, MLFLOW_TRACKING_URI="nothing://here",
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert "Warning: The model is kept, and was not logged to MLflow: " in again.stderr
    document = json.loads(again.stdout)
    assert document["files"] == trained.document["files"]
    assert document["data"] == trained.document["data"]
    assert document["evaluation"] == trained.document["evaluation"]
    names = sorted(document["files"])
    assert [(tmp_path / "again" / name).read_bytes() for name in names] == [
        (trained.model / name).read_bytes() for name in names
    ]

    for place in ("from the model", "from the dataset"):
        source = trained.model.name if place == "from the model" else tmp_path / "from the model"
        made = trained.pikkit("dataset", "--from", source, "--out", tmp_path / place, PIKKIT_NOW=now)
        assert made.returncode == 0, made.stderr
    files = [(tmp_path / place / "bets.parquet").read_bytes() for place in ("from the model", "from the dataset")]
    assert files[0] == files[1]

    anew = trained.pikkit("dataset", "--out", tmp_path / "anew", "--json", PIKKIT_NOW=now)
    assert json.loads(anew.stdout)["data"]["frame_digest"] != document["data"]["frame_digest"]


def test_dataset_is_sorted_cut_and_described(trained: TrainedStore, tmp_path: Path) -> None:
    since, until = trained.rows[200]["time_placed"], trained.rows[1000]["time_placed"]
    done = trained.pikkit(
        "dataset", "--since", since, "--until", until, "--as-is", "--out", tmp_path / "set", "--json",
        PIKKIT_NOW=(AFTERWARDS + timedelta(days=2)).isoformat(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    frame = pl.read_parquet(tmp_path / "set" / "bets.parquet")
    assert frame["id"].to_list() == [row["id"] for row in trained.rows[200:1000]]
    assert frame.columns == [column["name"] for column in document["columns"]]
    assert frame.columns[-3:] == ["part", "won", "roi"]
    assert {part: frame.filter(pl.col("part") == part).height for part in document["parts"]} == document["parts"]
    test = pl.col("time_placed").dt.date().cast(pl.String) >= document["cuts"]["test"]
    assert frame.filter(test)["part"].unique().to_list() == ["test"]
    assert (frame["known_at"] > frame["time_placed"]).all()
    assert (document["warnings"], "purged" in done.stderr) == ([], False)


def test_dataset_says_on_stderr_that_a_part_lost_too_many_bets_to_the_purge(
    trained: TrainedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.split.LARGEST_PURGE", -1)
    done = trained.pikkit("dataset", "--from", trained.model, "--out", tmp_path / "set", "--json")
    assert done.returncode == 0, done.stderr
    warnings = json.loads(done.stdout)["warnings"]
    assert len(warnings) == 2
    assert all(f"Warning: {warning}" in done.stderr for warning in warnings)


def test_scored_probability_is_that_of_the_model_for_the_served_vector(trained: TrainedStore) -> None:
    now = (AFTERWARDS + timedelta(days=2)).isoformat()
    done = trained.pikkit("score", "--bet", json.dumps(BET), "--model", trained.model.name, "--json", PIKKIT_NOW=now)
    document = json.loads(done.stdout)
    scored = document["bets"][0]
    names = {name: BET[name] for name in ("sport", "market", "institution_name")}
    frame = pl.DataFrame([scored["features"] | names], strict=False)
    (chance,) = WinModel.load(trained.model).win_probability(frame)
    assert document["model"] == trained.model.name
    assert scored["win_probability"] == pytest.approx(float(chance), abs=1e-12)
    assert scored["win_probability"] > 0.6  # an edge of 1.0 at even odds is 0.73
    (calibrated,) = WinModel.load(trained.model).reference(frame)
    assert scored["calibrated_probability"] == pytest.approx(float(calibrated), abs=1e-12)
    assert scored["offered_probability"] == 0.5
    assert scored["promised_return"] == pytest.approx(2 * scored["win_probability"] - 1)

    printed = trained.pikkit("score", "--bet", json.dumps(BET), "--model", trained.model.name, PIKKIT_NOW=now).stdout
    (line,) = [line.split() for line in printed.splitlines() if line.startswith("bet 1")]
    promised = f"{scored['promised_return']:+.1%}"
    assert line[2:] == [f"{chance:.4f}" for chance in (float(chance), 0.5, float(calibrated))] + [promised]

    priceless = trained.pikkit(
        "score", "--bet", json.dumps(BET | {"american_odds": None}), "--model", trained.model.name, "--json",
        PIKKIT_NOW=now,
    )  # fmt: skip
    (of_bet,) = json.loads(priceless.stdout)["bets"]
    chances = ("win_probability", "offered_probability", "calibrated_probability", "promised_return")
    assert [of_bet[name] for name in chances] == [None] * 4


def test_promoted_model_is_listed_and_scores_under_that_name(trained: TrainedStore) -> None:
    nameless = trained.pikkit("score", "--bet", json.dumps(BET), "--model", "promoted")
    assert (nameless.returncode, "No model is promoted" in nameless.stderr) == (2, True)
    assert trained.pikkit("models", "promote", trained.model.name).returncode == 0
    (listed,) = json.loads(trained.pikkit("models", "list", "--json").stdout)["models"]
    assert (listed["name"], listed["is_promoted"]) == (trained.model.name, True)
    assert listed["verdicts"]["boosted"]["conclusion"] == "better"
    scored = trained.pikkit("score", "--bet", json.dumps(BET), "--model", "promoted", "--json")
    assert json.loads(scored.stdout)["model"] == trained.model.name


def test_training_is_on_record_as_a_run_that_reads_the_service_and_writes_the_model(trained: TrainedStore) -> None:
    told = events_of(trained.connections)
    (job,) = {event["job"]["name"] for event in told if event["job"]["name"].startswith("train.")}
    of_training = [event for event in told if event["job"]["name"] == job]
    start, complete = of_training[:2]
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    (read,), (written,) = complete["inputs"], complete["outputs"]
    assert (read["namespace"], read["name"]) == ("pikkit", trained.document["data"]["service"])
    assert (written["namespace"], written["name"]) == ("file", f"models/{trained.model.name}")
    features = [name.partition(":")[2] for name in trained.document["data"]["features"]]
    assert [field["name"] for field in written["facets"]["schema"]["fields"]] == features
    columns = written["facets"]["columnLineage"]["fields"]
    assert {name: columns[name]["inputFields"][0]["field"] for name in columns} == {name: name for name in features}


def test_lineage_of_a_feature_names_the_models_that_were_trained_on_the_feature(trained: TrainedStore) -> None:
    used, unused = (name.partition(":")[2] for name in used_and_unused(trained))
    assert trained.model.name in trained.pikkit("lineage", used).stdout
    assert "Models: none." in trained.pikkit("lineage", unused).stdout
    document = json.loads(trained.pikkit("lineage", "source:profit", "--json").stdout)
    assert trained.model.name in document["models"]


def used_and_unused(trained: TrainedStore) -> tuple[str, str]:
    """A feature that the model was trained on, and one that it was not."""
    features = trained.document["data"]["features"]
    every = (f"{view}:{name}" for each in FEATURE_LISTS for view, names in each.features.items() for name in names)
    return next(iter(features)), next(name for name in every if name not in features)


def test_lineage_of_a_model_goes_by_service_and_features_down_to_columns_of_the_source(
    trained: TrainedStore,
) -> None:
    name = trained.model.name
    document = json.loads(trained.pikkit("lineage", "--model", name, "--json").stdout)
    assert (document["kind"], document["name"]) == ("model", name)
    (service,) = document["lineage"]["parts"]
    assert (service["kind"], service["name"]) == ("service", trained.document["data"]["service"])
    assert [part["name"] for part in service["parts"]] == [*trained.document["data"]["features"]]
    drawn = trained.pikkit("lineage", "--model", name, "--dot").stdout
    assert f'"service {service["name"]}" -> "model {name}";' in drawn
    assert '"source profit" -> ' in drawn
    refused = trained.pikkit("lineage", "--model", name[:-1])
    assert refused.returncode == 2
    assert name in refused.stderr


def test_docs_json_lists_exactly_the_fields_of_the_documents_of_training(trained: TrainedStore, tmp_path: Path) -> None:
    check_documents("train", trained.document)
    shown = trained.pikkit("models", "show", trained.model.name, "--json")
    check_documents("models show", json.loads(shown.stdout))
    check_documents(
        "models promote", json.loads(trained.pikkit("models", "promote", trained.model.name, "--json").stdout)
    )
    other = tmp_path / "other"
    other.mkdir()
    manifest = json.loads((trained.model / "manifest.json").read_text())
    manifest["data"]["rows"] = 1
    (other / "manifest.json").write_text(json.dumps(manifest))
    compared = trained.pikkit("models", "compare", trained.model.name, other, "--json")
    check_documents("models compare", json.loads(compared.stdout))
    check_documents("models list", json.loads(trained.pikkit("models", "list", "--json").stdout))
    made = trained.pikkit("dataset", "--from", trained.model, "--out", tmp_path / "set", "--json")
    check_documents("dataset", json.loads(made.stdout))


def test_unknown_model_and_unknown_service_are_refused_with_the_nearest_name(trained: TrainedStore) -> None:
    model = trained.pikkit("models", "show", trained.model.name[:-1])
    assert (model.returncode, f"did you mean '{trained.model.name}'" in model.stderr) == (2, True)
    service = trained.pikkit("train", "--service", "market_profitability_at_placment_v1")
    assert (service.returncode, "did you mean 'market_profitability_at_placement_v1'" in service.stderr) == (2, True)


def test_model_of_another_definition_of_a_feature_is_refused_by_name(trained: TrainedStore) -> None:
    changed = trained.model.with_name("changed")
    shutil.copytree(trained.model, changed)
    try:
        manifest = json.loads((changed / "manifest.json").read_text())
        manifest["data"]["features"]["sport_stats:sport_roi"]["definition"] = "of yesterday"
        (changed / "manifest.json").write_text(json.dumps(manifest))
        done = trained.pikkit("score", "--bet", json.dumps(BET), "--model", "changed")
        assert done.returncode == 2
        assert "other definitions of these features: sport_stats:sport_roi." in done.stderr
        again = trained.pikkit("train", "--from", changed, "--out", changed / "again")
        assert (again.returncode, "other definitions now: sport_stats:sport_roi" in again.stderr) == (2, True)
    finally:
        shutil.rmtree(changed)


def test_model_with_a_file_that_was_edited_is_refused(trained: TrainedStore) -> None:
    edited = trained.model.with_name("edited")
    shutil.copytree(trained.model, edited)
    try:
        text = (edited / "weights.json").read_text()
        (edited / "weights.json").write_text(text.replace('"intercept": ', '"intercept": 1'))
        done = trained.pikkit("score", "--bet", json.dumps(BET), "--model", "edited")
        assert (done.returncode, "weights.json is not what was trained" in done.stderr) == (2, True)
    finally:
        shutil.rmtree(edited)


def test_model_is_refused_by_a_store_with_different_codes(
    trained: TrainedStore, new_applied: Callable[[], Connections], tmp_path: Path
) -> None:
    other = dataclasses.replace(trained, connections=new_applied())
    assert other.pikkit("run", "--source", jsonl(tmp_path / "bets.jsonl", bet("other", 1))).returncode == 0
    done = other.pikkit("score", "--bet", json.dumps(BET), "--model", trained.model.name)
    assert done.returncode == 3
    assert "The codes of this store are not those that the model was trained on" in done.stderr


def test_refused_gate_ends_train_with_3_and_without_a_model(
    trained: TrainedStore, new_applied: Callable[[], Connections], tmp_path: Path
) -> None:
    other = dataclasses.replace(trained, connections=new_applied(), home=tmp_path / "home")
    file = jsonl(tmp_path / "bets.jsonl", *trained.rows[:200])
    first = other.pikkit("train", "--source", file, PIKKIT_GATES="")
    assert (first.returncode, "No model was trained" in first.stderr) == (3, True)
    # The refusal stands until a run passes.
    second = other.pikkit("train", "--as-is")
    assert (second.returncode, "The last refresh was refused" in second.stderr) == (3, True)
    with psycopg.connect(**other.connections.postgres.conninfo) as database:
        runs = database.execute("select verb, state from ops.runs order by run_id").fetchall()
    assert runs == [("run", "refused"), ("train", "refused")]
    assert not (tmp_path / "home" / "models").exists()


def test_stale_features_are_not_trained_on_unasked(trained: TrainedStore, tmp_path: Path) -> None:
    now = (AFTERWARDS + timedelta(days=9)).isoformat()
    done = trained.pikkit("train", "--out", tmp_path / "stale", PIKKIT_NOW=now)
    assert (done.returncode, "more than 24 hours ago" in done.stderr) == (2, True)
    assert not (tmp_path / "stale").exists()


def test_directory_that_is_not_empty_and_a_file_are_not_written_to(trained: TrainedStore) -> None:
    before = read_manifest(trained.model)
    done = trained.pikkit("train", "--as-is", "--out", trained.model)
    assert (done.returncode, "is not empty" in done.stderr) == (2, True)
    assert read_manifest(trained.model) == before
    assert np.isfinite(before.evaluation["win"]["seed_spread"])
    done = trained.pikkit("train", "--as-is", "--out", trained.model / "manifest.json")
    assert (done.returncode, "manifest.json is a file" in done.stderr) == (2, True)


def test_record_of_a_train_run_names_the_model_the_set_and_the_verdicts(trained: TrainedStore) -> None:
    listed = json.loads(trained.pikkit("runs", "--json", "--limit", "100").stdout)["runs"]
    record = next(run for run in listed if run["verb"] == "train" and run["counts"].get("model") == trained.model.name)
    assert (record["state"], [step["step"] for step in record["steps"]]) == (
        "done",
        ["gate", "training set", "models", "mlflow"],
    )
    of_set = record["steps"][1]["counts"]
    assert (of_set["frame_digest"], of_set["rows"]) == (
        trained.document["data"]["frame_digest"],
        trained.document["data"]["rows"],
    )
    files = json.dumps(trained.document["files"], sort_keys=True)
    assert record["counts"]["model_digest"] == sha256(files.encode()).hexdigest()
    assert record["steps"][2]["counts"]["verdicts"] == {"boosted": "better", "logistic": "better"}
    boosted, judged = (
        record["counts"]["verdicts"]["boosted"],
        trained.document["evaluation"]["win"]["models"]["boosted"],
    )
    assert {name: boosted[name] for name in ("conclusion", "money")} == {
        name: judged[name] for name in ("conclusion", "money")
    }
    assert boosted["difference"] == judged["difference"]["mean"]
    shown = trained.pikkit("runs", "show", record["run_id"]).stdout
    assert trained.model.name in shown
    assert "better" in shown


def test_train_run_that_fails_is_in_the_record_with_an_error(trained: TrainedStore, tmp_path: Path) -> None:
    until = trained.rows[20]["time_placed"]  # one day
    done = trained.pikkit("train", "--as-is", "--until", until, "--out", tmp_path / "one-day")
    assert (done.returncode, "The bets lie on 1 day" in done.stderr) == (2, True)
    (record,) = json.loads(trained.pikkit("runs", "--json", "--limit", "1").stdout)["runs"]
    assert (record["verb"], record["state"]) == ("train", "failed")
    assert "The bets lie on 1 day" in record["error"]
    assert record["steps"][1]["counts"]["rows"] == 20


@pytest.mark.parametrize("verb", ["train", "dataset"])
def test_service_with_features_known_only_after_placement_is_refused_by_name(
    trained: TrainedStore, tmp_path: Path, verb: str
) -> None:
    before = trained.pikkit("runs", "--json", "--limit", "1").stdout
    done = trained.pikkit(verb, "--service", "market_profitability_v1", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "bet_clv_features:clv_percentage, bet_clv_features:clv_ev, bet_clv_features:has_clv" in done.stderr
    assert "Take one whose features are all known at placement: market_profitability_at_placement_v1" in done.stderr
    assert not (tmp_path / "out").exists()
    assert trained.pikkit("runs", "--json", "--limit", "1").stdout == before


def test_page_of_a_model_stands_beside_the_files_and_can_be_written_anew(trained: TrainedStore) -> None:
    page = trained.model / "model.html"
    assert trained.document["page"] == str(page)
    written = page.read_bytes()
    page.write_text("old")
    shown = trained.pikkit("models", "show", trained.model.name, "--html")
    assert shown.stdout == f"{page}\n"
    assert page.read_bytes() == written
