"""The check of the house for merges that were left half done."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.house import conflict_markers


def git(directory: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(directory), *arguments], check=True, capture_output=True)


def test_sides_of_a_merge_that_nobody_chose_from_are_found_in_any_text(tmp_path: Path) -> None:
    git(tmp_path, "init")
    ours, theirs = "<" * 7, ">" * 7
    (tmp_path / "page.md").write_text(f"a\n{ours} HEAD\nb\n=======\nc\n{theirs} main\n", encoding="utf-8")
    (tmp_path / "sound.md").write_text(f"Title\n=======\n`{ours}` in a line\n{ours}<\n", encoding="utf-8")
    git(tmp_path, "add", ".")
    assert conflict_markers(tmp_path) == ["page.md:2", "page.md:6"]


def test_repository_holds_no_merge_that_is_half_done() -> None:
    assert conflict_markers() == []
