"""The SQL files of a package: one statement a file, found by its name wherever below `<package>/sql` it stands."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import LiteralString


@cache
def feast_statement(name: str) -> LiteralString:
    """The text of `<name>.sql` below `feature_repo/sql`. Raises KeyError when there is none."""
    return statement_of("feature_repo", name)


def statement_of(package: str, name: str) -> LiteralString:
    """The text of `<name>.sql` below the folder `sql` of this package. Raises KeyError when there is none."""
    return _sql_files(package)[name].read_text(encoding="utf-8")


@cache
def _sql_files(package: str) -> dict[str, Traversable]:
    """Every SQL file of the package by its name; migrations, which only `migrate` reads, are not among them."""
    files: dict[str, Traversable] = {}
    for file in _files_below(resources.files(package).joinpath("sql")):
        name = file.name.removesuffix(".sql")
        if name in files:
            raise LookupError(f"two files of {package} are called {file.name}")
        files[name] = file
    return files


def _files_below(folder: Traversable) -> Iterator[Traversable]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "migrations":
            yield from _files_below(entry)
        elif entry.name.endswith(".sql"):
            yield entry
