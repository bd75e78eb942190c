"""A definition that was published is not changed in silence: `make check` names the feature and the edit to make."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from ingestion.features import feature_definitions as defined
from ingestion.features.feature_definitions import Formula
from ingestion.features.published_definitions import PUBLISHED_DEFINITIONS, parse_published
from tests.published_definitions import RECORD, committed_records, main, problems, with_unpublished, withdrawn

RECORDED = PUBLISHED_DEFINITIONS.read_text(encoding="utf-8")
ROI = "[sport_stats.sport_roi]\n"


@pytest.fixture
def other_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    """The amount of a bet is defined in cents."""
    monkeypatch.setitem(defined.BET_FORMULAS, "amount", Formula("amount_cents"))
    monkeypatch.setattr(defined, "feature_definitions", defined.feature_definitions.__wrapped__)
    monkeypatch.setattr("tests.published_definitions.feature_definitions", defined.feature_definitions)


def test_every_definition_of_this_code_is_published() -> None:
    assert list(problems(parse_published(RECORDED))) == []


def test_the_record_has_every_definition_that_a_commit_published() -> None:
    published = parse_published(RECORDED)
    assert [problem for earlier in committed_records() for problem in withdrawn(published, earlier)] == []


def test_the_record_is_written_to_the_letter_as_read() -> None:
    assert with_unpublished(parse_published(RECORDED)) == RECORDED


@pytest.mark.usefixtures("other_formula")
def test_a_changed_definition_is_named_with_the_edit_that_publishes_the_next_version(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--check"]) == 1
    said = capsys.readouterr().out
    edit = re.search(
        r"the definition of bet_facts.amount changed since version 1 was published: add `(.*)` under", said
    )
    assert edit, said
    assert said.count(RECORD) == 1
    # The edit as a person makes it, and as --publish does.
    by_hand = re.sub(r"(\[bet_facts\.amount\]\n.*\n)", rf"\g<1>{edit[1]}\n", RECORDED)
    assert list(problems(parse_published(by_hand))) == []
    assert with_unpublished(parse_published(RECORDED)) == by_hand


@pytest.mark.usefixtures("other_formula")
def test_a_published_digest_that_was_overwritten_is_named_with_the_digest_to_restore() -> None:
    (problem,) = problems(parse_published(RECORDED))
    digest = re.search(r'"(\w+)"', problem)
    assert digest
    overwritten = parse_published(re.sub(r'(\[bet_facts\.amount\]\n1 = )".*"', rf'\g<1>"{digest[1]}"', RECORDED))
    assert list(problems(overwritten)) == []
    (problem,) = withdrawn(overwritten, parse_published(RECORDED))
    assert problem.startswith('version 1 of bet_facts.amount was published: put `1 = "fde43b45')


@pytest.mark.parametrize("version", ["2", "0"])
def test_versions_that_are_not_counted_from_1_are_named(version: str) -> None:
    numbered = parse_published(RECORDED.replace(f"{ROI}1 =", f"{ROI}{version} ="))
    assert [problem for problem in problems(numbered) if "number them from 1 on" in problem] == [
        f"the versions of sport_stats.sport_roi are {version}: number them from 1 on"
    ]


def test_a_record_that_was_committed_is_found_again_after_later_commits(tmp_path: Path) -> None:
    record = tmp_path / RECORD
    record.parent.mkdir(parents=True)

    def commit(text: str) -> None:
        record.write_text(text)
        for arguments in (["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "record"]):
            subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)

    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    without_roi = RECORDED.replace(ROI, "[sport_stats.other]\n")
    commit(RECORDED)
    commit(without_roi)
    problem_lists = [list(withdrawn(parse_published(without_roi), earlier)) for earlier in committed_records(tmp_path)]
    assert [len(found) for found in problem_lists] == [0, 1]
    assert problem_lists[1][0].startswith("version 1 of sport_stats.sport_roi was published: put")


def test_an_archive_without_git_has_no_earlier_records(tmp_path: Path) -> None:
    assert list(committed_records(tmp_path)) == []
