"""Kept models beside each other, and what is said of one that is promoted."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from feature_repo.errors import ConfigurationError
from tests.rigs.commands import pikkit_here
from training.artefacts.model_comparison import compare_models
from training.artefacts.model_store import KeptModel, ModelStore
from training.manifest import ModelManifest, write_manifest


def kept(manifest: ModelManifest, name: str = "a-model") -> KeptModel:
    return KeptModel(Path(name), dataclasses.replace(manifest, name=name), is_promoted=False)


def concluding(manifest: ModelManifest, **judged: Any) -> ModelManifest:
    """The manifest with another judgement of what is served."""
    evaluation = json.loads(json.dumps(manifest.evaluation))
    evaluation["win"]["models"][manifest.parameters["win"]["served"]["learner"]] |= judged
    return dataclasses.replace(manifest, evaluation=evaluation)


def promote(home: Path, manifest: ModelManifest) -> Any:
    directory = home / "models" / "a-model"
    directory.mkdir(parents=True)
    write_manifest(directory, manifest)
    return pikkit_here("models", "promote", "a-model", environ={"PIKKIT_HOME": str(home)})


def test_model_beside_the_same_model_differs_in_nothing(manifests: dict[str, ModelManifest]) -> None:
    comparison = compare_models([kept(manifests["ordinary"], "one"), kept(manifests["ordinary"], "two")])
    assert (comparison.is_same_test, comparison.differences) == (True, ())
    assert all(len(set(figure.values)) == 1 for figure in comparison.figures)


def test_models_of_different_sets_differ_in_frames_and_cuts_by_name(manifests: dict[str, ModelManifest]) -> None:
    ordinary = manifests["ordinary"]
    features = {name: each for name, each in ordinary.data.features.items() if name != "view:noise_1"}
    features["view:signal"] = {"version": 2, "definition": "f" * 64}
    changed = dataclasses.replace(
        ordinary, data=dataclasses.replace(ordinary.data, features=features, frame_digest="e" * 64, placed_from="2026")
    )
    comparison = compare_models([kept(ordinary, "one"), kept(changed, "two")])
    assert not comparison.is_same_test
    assert {each.name: each.values for each in comparison.differences} == {
        "placed from": ("-", "2026"),
        "frame": (ordinary.data.frame_digest[:12], "e" * 12),
        "view:signal": ("version 1, 000000000000", "version 2, ffffffffffff"),
        "view:noise_1": ("version 1, 000000000000", "not in it"),
    }


@pytest.mark.parametrize(
    ("judged", "warning"),
    [
        ({"conclusion": "worse"}, "did worse than the calibrated price in its test: that alone is better"),
        ({"conclusion": "too few days to say"}, "Its test has too few days to say whether"),
        ({"conclusion": "not to be told apart"}, "could not be told apart from the calibrated price"),
        ({"conclusion": "better", "money": "Not sure to have paid: 9 bets."}, "pay. Not sure to have paid: 9 bets."),
        ({"conclusion": "better", "money": "Would have paid: 9 bets."}, None),
    ],
)
def test_promoted_model_that_the_test_does_not_speak_for_is_warned_of(
    manifests: dict[str, ModelManifest], tmp_path: Path, judged: dict[str, str], warning: str | None
) -> None:
    done = promote(tmp_path, concluding(manifests["ordinary"], **judged))
    assert (done.returncode, done.stdout) == (0, "a-model is promoted.\n")
    assert (warning in done.stderr) if warning else done.stderr == ""


@pytest.mark.parametrize("arguments", [["list"], ["show", "a-model"], ["promote", "a-model"]], ids=lambda each: each[0])
def test_model_of_a_version_that_chose_no_learner_to_serve_is_refused_in_words(
    manifests: dict[str, ModelManifest], tmp_path: Path, arguments: list[str]
) -> None:
    win = {name: value for name, value in manifests["ordinary"].parameters["win"].items() if name != "served"}
    older = dataclasses.replace(manifests["ordinary"], parameters={**manifests["ordinary"].parameters, "win": win})
    directory = tmp_path / "models" / "a-model"
    directory.mkdir(parents=True)
    write_manifest(directory, older)
    done = pikkit_here("models", *arguments, environ={"PIKKIT_HOME": str(tmp_path)})
    assert (done.returncode, "pikkit train --from" in done.stderr) == (2, True)
    assert not (tmp_path / "models" / "promoted").exists()


def test_list_of_models_marks_the_served_learner_and_fits_a_terminal(
    manifests: dict[str, ModelManifest], tmp_path: Path
) -> None:
    directory = tmp_path / "models" / "market_profitability_at_placement_v1-20260505T060000Z"
    directory.mkdir(parents=True)
    write_manifest(directory, manifests["ordinary"])
    lines = pikkit_here("models", "list", environ={"PIKKIT_HOME": str(tmp_path)}).stdout.splitlines()
    (served,) = [line for line in lines if ", served" in line]
    learner = manifests["ordinary"].parameters["win"]["served"]["learner"]
    assert served.strip().startswith({"boosted": "boosted trees", "logistic": "logistic"}[learner])
    assert [line for line in lines if len(line) > 80 and str(tmp_path) not in line] == []


def test_training_set_of_a_model_is_found_by_name_as_promoted_and_by_path(
    manifests: dict[str, ModelManifest], tmp_path: Path
) -> None:
    promote(tmp_path, manifests["ordinary"])
    models = ModelStore.of_home(tmp_path)
    pins = [models.pinned(name) for name in ("a-model", "promoted", str(tmp_path / "models" / "a-model"))]
    assert pins == [manifests["ordinary"].pinned] * 3
    with pytest.raises(ConfigurationError, match=r"There is no model a-modle .did you mean 'a-model'"):
        models.pinned("a-modle")
