"""What every SQL file of the packages keeps to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

FILES = [path for package in ("feature_repo", "quality", "ingestion") for path in (REPOSITORY / package).rglob("*.sql")]
PLACEHOLDER = re.compile(r"\{\w*\}|%\(\w+\)s")


def named(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_comment_holds_a_placeholder(path: Path) -> None:
    """What is put there may hold a line break, and its second line would be read as SQL."""
    comments = [line.partition("--")[2] for line in path.read_text(encoding="utf-8").splitlines() if "--" in line]
    assert [comment for comment in comments if PLACEHOLDER.search(comment)] == []
