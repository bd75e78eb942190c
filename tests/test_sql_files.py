"""What every SQL file of the packages keeps to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.house import PACKAGES

FILES = [path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.sql")]
PLACEHOLDER = re.compile(r"\{\w*\}|%\(\w+\)s")


def named(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_comment_holds_a_placeholder(path: Path) -> None:
    """What is put there may hold a line break, and its second line would be read as SQL."""
    comments = [line.partition("--")[2] for line in path.read_text(encoding="utf-8").splitlines() if "--" in line]
    assert [comment for comment in comments if PLACEHOLDER.search(comment)] == []


@pytest.mark.parametrize("package", ["feature_repo", "ingestion", "training"])
def test_every_sql_file_is_used_and_every_named_statement_has_a_file(package: str) -> None:
    """A statement that is renamed in one place only would be found when its command runs."""
    files = {path.stem for path in (REPOSITORY / package / "sql").rglob("*.sql") if path.parent.name != "migrations"}
    code = {
        name: "\n".join(map(Path.read_text, (REPOSITORY / name).rglob("*.py")))
        for name in ("feature_repo", "ingestion", "training")
    }
    literals = set(re.findall(r"""["']([a-z_0-9]+)["']""", "".join(code.values())))
    function = {
        "feature_repo": r"feast_statement\(",
        "ingestion": r"(?<!_)statement\(",
        "training": r"statement_of\(\s*[\"']training[\"'],",
    }[package]
    named = set(re.findall(function + r"""\s*["']([a-z_0-9]+)["']""", "".join(code.values())))
    assert files - literals == set()
    assert named - files == set()
