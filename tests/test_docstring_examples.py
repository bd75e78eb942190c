"""Every example in a docstring, run: a module that has one is found by its `>>>`."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.house import PACKAGES


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


MODULES = sorted(
    module_of(file)
    for package in PACKAGES
    for file in (REPOSITORY / package).rglob("*.py")
    if ">>>" in file.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples_of_a_module_pass(module: str) -> None:
    examples = doctest.testmod(import_module(module))
    assert examples.attempted > 0
    assert examples.failed == 0


def test_search_for_docstring_examples_finds_the_modules_with_examples() -> None:
    assert {"feature_repo.bets.odds", "feature_repo.group_keys"} <= set(MODULES)
