"""`pikkit plan --base`: an edited copy of this repository beside the commit that it was made from."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from feature_repo.errors import ConfigurationError
from ingestion.planning.base import base_state
from ingestion.planning.declared_state import DeclaredState, declared_state, state_of_document
from ingestion.planning.markdown import markdown_of, write_markdown
from ingestion.planning.objects import object_changes
from ingestion.planning.plan import plan_against
from ingestion.planning.wording import change_lines
from tests.builders.json_documents import check_documents
from tests.conftest import REPOSITORY

FEATURES = "feature_repo/declarations/features.py"
VIEWS = "feature_repo/declarations/views.py"
LISTS = "feature_repo/declarations/feature_lists.py"
DEFINED = "ingestion/features/feature_definitions.py"
RECORD = "ingestion/features/published_definitions.toml"
MIGRATION = "ingestion/sql/migrations/0020_report.sql"
# File, its text, and what replaces it.
EDITS: Final = (
    (FEATURES, "RECENT: Final = 10", "RECENT: Final = 12"),
    (FEATURES, 'DeclaredFeature("day_of_week", "Int64"', 'DeclaredFeature("day_of_week", "Float64"'),
    (FEATURES, '("is_live", "Bool", "Placed while the event was', '("live", "Bool", "The event was'),
    (DEFINED, '"is_live": Formula("is_live"),\n    "bet_type"', '"live": Formula("is_live"),\n    "bet_type"'),
    (DEFINED, '_CLV: Final = "status <> PENDING', '_CLV: Final = "status in (SETTLED_WIN, SETTLED_LOSS)'),
    (VIEWS, "HOUR: Final = timedelta(hours=1)", "HOUR: Final = timedelta(hours=2)"),
    (VIEWS, 'entity: str = "bet"', 'entity: str = "wager"'),
    (LISTS, '            "clv_current_odds",\n', ""),
    (LISTS, '            "is_live",\n            "bet_type",', '            "bet_type",'),
    (RECORD, '[sport_stats.sport_roi]\n1 = "1f8bdac5', '[sport_stats.sport_roi]\n1 = "00000000'),
    (MIGRATION, "-- ", "--- "),
)  # fmt: skip


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one commit, this code, and all of EDITS in its work tree."""
    repository = tmp_path_factory.mktemp("edited")
    for package in ("feature_repo", "quality", "ingestion", "training"):
        shutil.copytree(REPOSITORY / package, repository / package, ignore=shutil.ignore_patterns("__pycache__"))
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    for arguments in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "base")):
        subprocess.run(["git", "-C", str(repository), *arguments], check=True)
    for file, old, new in EDITS:
        source = (repository / file).read_text(encoding="utf-8")
        assert old in source, f"{file} has no {old}"
        (repository / file).write_text(source.replace(old, new, 1), encoding="utf-8")
    (repository / MIGRATION).with_name("0099_new.sql").write_text("-- new\n", encoding="utf-8")
    return repository


def pikkit_of(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": str(repository), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "ingestion", *arguments]
    return subprocess.run(command, cwd=repository, env=environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def planned(edited: Path) -> tuple[dict[str, Any], str, int]:
    """The plan of the edits as `--json` and `--markdown` have it, and the exit code."""
    done = pikkit_of(edited, "plan", "--base", "HEAD", "--json", "--markdown", "plan.md")
    assert done.stdout, done.stderr
    return json.loads(done.stdout), (edited / "plan.md").read_text(encoding="utf-8"), done.returncode


def differences(plan: dict[str, Any]) -> dict[str, dict[str, tuple[str | None, str | None]]]:
    return {
        change["object"]: {each["name"]: (each["before"], each["after"]) for each in change["properties"]}
        for change in plan["changes"]
        if change["change"] == "changed"
    }


def test_plan_names_the_differences_of_each_edited_object(planned: tuple[dict[str, Any], str, int]) -> None:
    changed = differences(planned[0])
    ttl = changed["view sport_market_recent"]
    recent = changed["feature sport_market_recent:recent_win_rate"]["formula"]
    closing = changed["feature institution_stats:institution_avg_clv"]["formula"]
    listed = changed["service bet_lookup_v1"]["features"]
    assert ttl == {"TTL": ("1 h (3600 s)", "2 h (7200 s)")}
    assert [re.findall(r"last (\d+)", text or "") for text in recent] == [["10"], ["12"]]
    assert [("PENDING" in text, "SETTLED_LOSS" in text) for text in closing if text] == [(True, False), (False, True)]
    assert changed["feature bet_features:day_of_week"] == {"type": ("Int64", "Float64")}
    assert changed["view bet_facts"] == {"entity": ("bet", "wager")}
    assert set((listed[0] or "").split()) - set((listed[1] or "").split()) == {
        "bet_facts:is_live",
        "bet_closing_line:clv_current_odds",
    }


def test_plan_names_objects_that_are_added_and_removed(planned: tuple[dict[str, Any], str, int]) -> None:
    moved = {change["object"]: change["change"] for change in planned[0]["changes"] if change["change"] != "changed"}
    assert moved == {"feature bet_facts:live": "added", "feature bet_facts:is_live": "removed"}


def test_plan_leaves_out_objects_that_no_edit_touched(planned: tuple[dict[str, Any], str, int]) -> None:
    """Five closing lines, one last N with its text, a type, a renamed feature, a TTL, two entities, a list."""
    names = {change["object"] for change in planned[0]["changes"]}
    expected = {f"feature {group}_stats:{group}_avg_clv" for group in GROUPS_WITH_CLOSING_LINES}
    expected |= {"feature sport_market_recent:recent_win_rate", "feature bet_features:day_of_week"}
    expected |= {"feature bet_facts:live", "feature bet_facts:is_live", "service bet_lookup_v1"}
    expected |= {"view sport_market_recent", "view bet_facts", "view bet_closing_line"}
    assert names == expected
    assert planned[0]["unchanged"] == len(declared_state().objects) - (len(expected) - 2) - 1


GROUPS_WITH_CLOSING_LINES = ("sport", "sport_market", "sport_league", "sport_league_market", "institution")


def test_plan_counts_up_exactly_the_features_of_another_definition(planned: tuple[dict[str, Any], str, int]) -> None:
    steps = {(each["view"], each["feature"]): (each["before"], each["after"]) for each in planned[0]["versions"]}
    assert steps == {
        **{(f"{group}_stats", f"{group}_avg_clv"): (1, 2) for group in GROUPS_WITH_CLOSING_LINES},
        ("sport_market_recent", "recent_win_rate"): (1, 2),
        ("bet_features", "day_of_week"): (1, 2),
        ("bet_facts", "live"): (None, 1),
    }
    assert [each["view"] for each in planned[0]["backfills"]] == [
        "sport_stats",
        "sport_market_stats",
        "sport_market_recent",
        "sport_league_stats",
        "sport_league_market_stats",
        "institution_stats",
        "bet_facts",
    ]
    assert planned[0]["steps"] == ["pikkit migrate", "pikkit apply", "pikkit backfill"]


def test_plan_exits_3_and_names_every_edit_that_would_be_refused(planned: tuple[dict[str, Any], str, int]) -> None:
    reasons = [each["what"] for each in planned[0]["refusals"]]
    assert planned[2] == 3
    assert "version 1 of sport_stats:sport_roi was published, and its record was changed or removed" in reasons
    assert "the list of features of bet_lookup_v1 is published, and was changed" in reasons
    assert "the migration 0020_report was edited or removed" in reasons
    assert "the definition of bet_facts:live was never published" in reasons
    unpublished = [reason for reason in reasons if "was not published as version 2" in reason]
    assert len(unpublished) == len(GROUPS_WITH_CLOSING_LINES) + 3  # the last N, a type, a digest of another text


def test_markdown_shows_differences_as_a_diff_and_refusals_first(planned: tuple[dict[str, Any], str, int]) -> None:
    text = planned[1]
    assert text.startswith("<!-- pikkit plan -->\n")
    assert text.index("**Would be refused:**") < text.index("```diff") < text.index("**Count up:**")
    assert "! changed  view sport_market_recent\n! TTL\n- 1 h (3600 s)\n+ 2 h (7200 s)\n" in text
    assert "- bet_closing_line:clv_current_odds\n" in text


def test_docs_json_has_the_fields_of_a_plan(planned: tuple[dict[str, Any], str, int]) -> None:
    check_documents("plan", planned[0])


def test_commit_without_the_verb_is_refused_by_name(edited: Path) -> None:
    (edited / "ingestion/cli/setup/plan.py").write_text("raise SystemExit('no such verb')\n", encoding="utf-8")
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "-C", str(edited), *identity, "commit", "-qam", "without"], check=True)
    subprocess.run(["git", "-C", str(edited), "checkout", "-q", "HEAD^", "--", "ingestion/cli/setup"], check=True)
    done = pikkit_of(edited, "plan", "--base", "HEAD")
    assert (done.returncode, "The code of HEAD cannot say what it declares: no such verb" in done.stderr) == (2, True)


# ---- without an edited repository ----------------------------------------------------------------------------------


@pytest.fixture
def state() -> DeclaredState:
    return declared_state()


def test_state_is_the_same_after_writing_and_reading(state: DeclaredState) -> None:
    assert state_of_document(json.loads(json.dumps(state.document()))) == state


def test_same_code_has_an_empty_plan(state: DeclaredState) -> None:
    plan = plan_against("itself", state, state)
    assert (plan.changes, plan.versions, plan.backfills, plan.steps, plan.refusals) == ((), (), (), (), ())
    assert plan.unchanged == len(state.objects)


def test_published_next_version_is_no_reason_to_refuse(state: DeclaredState) -> None:
    digests = {**state.definitions["sport_stats"], "sport_roi": "f" * 64}
    record = {
        **state.published["sport_stats"],
        "sport_roi": {**state.published["sport_stats"]["sport_roi"], 2: "f" * 64},
    }
    after = replace(
        state,
        definitions={**state.definitions, "sport_stats": digests},
        published={**state.published, "sport_stats": record},
    )
    plan = plan_against("before", state, after)
    assert [(each.feature, each.before, each.after, each.is_published) for each in plan.versions] == [
        ("sport_roi", 1, 2, True)
    ]
    assert (plan.steps, plan.refusals) == (("pikkit backfill",), ())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "is not what `pikkit plan --declared`"),
        ('{"format": 1, "objects": {}}', "incomplete"),
        ('{"format": 0}', "is not what `pikkit plan --declared`"),
    ],
)
def test_file_that_is_no_declared_state_is_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "base.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=message):
        base_state(str(file))


@pytest.mark.parametrize("base", ["no-such-branch", "--output=/tmp/x", ""])
def test_base_that_is_neither_file_nor_commit_is_refused(base: str) -> None:
    with pytest.raises(ConfigurationError, match="neither a file nor a commit"):
        base_state(base)


def test_reordered_list_shows_the_lines_that_moved() -> None:
    (change,) = object_changes({"service s": {"features": "a\nb\nc"}}, {"service s": {"features": "b\na\nc"}})
    assert sorted(change.properties[0].lines) in (["+ a", "- a"], ["+ b", "- b"])


def test_texts_of_declarations_cannot_leave_a_span_or_fence_of_code(state: DeclaredState) -> None:
    hostile = "x\n````\n@everyone <img src=x> ![](http://evil.example)\n"
    objects = {**state.objects, "view sport_stats": {**state.objects["view sport_stats"], "description": hostile}}
    plan = plan_against("`` @base", state, replace(state, objects=objects))
    text = markdown_of(plan)
    fence = next(line for line in text.splitlines() if line.endswith("diff") and line.startswith("`"))[:-4]
    inside = text.split(f"{fence}diff\n")[1].split(f"\n{fence}\n")[0]
    assert "@everyone" in inside
    assert "@everyone" not in text.replace(inside, "")
    assert "``` `` @base ```" in text


def test_markdown_into_a_folder_that_is_not_there_is_refused_by_name(state: DeclaredState, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file or directory"):
        write_markdown(tmp_path / "nowhere" / "plan.md", plan_against("itself", state, state))


def test_markdown_of_a_large_plan_fits_a_comment_and_counts_the_lines_left_out(state: DeclaredState) -> None:
    plan = plan_against("nothing", replace(state, objects={}, definitions={}), state)
    wide = replace(plan, changes=plan.changes * 40)
    text = markdown_of(wide)
    shown = text.count("\n! added")
    told = int(re.search(r"\.\.\. and ([\d,]+) more lines", text)[1].replace(",", ""))  # type: ignore[index]
    assert len(text) <= 60_000
    assert text.count("```") == 2
    assert 0 < shown < len(wide.changes)
    assert told + len(text.split("```diff\n")[1].split("\n```")[0].splitlines()) - 1 == len(
        list(change_lines(wide, marked=True))
    )
