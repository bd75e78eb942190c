"""README.md, CONTRIBUTING.md and docs/*.md name only files, modules, names and tables that there are.

CHANGELOG.md is left out: it may name what was.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psycopg
import pytest

from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
FOLDERS = ("feature_repo", "quality", "ingestion", "tests", "benchmarks", "docs")
_ANY_FOLDER = "|".join(FOLDERS)
# A path in one of the folders. <name> stands for any name, * too.
PATH = re.compile(rf"(?<![\w/.~-])(?:{_ANY_FOLDER})/[\w./<>*-]*")
# A file that is named in backticks without its folder, or by the end of its path.
FILE_NAME = re.compile(r"`([\w/<>*-]+\.(?:py|sql|toml|md|yaml))`")
NAME_IN_FILE = re.compile(r"`(\w+)` (?:in|of) `([\w/]+\.py)`")
DOTTED = re.compile(r"(?<![\w/.-])(?:feature_repo|quality|ingestion|tests|benchmarks)(?:\.[A-Za-z_]\w*)+")
TABLE = re.compile(r"(?<![\w/.-])(raw|processed|quarantine|features|ops)\.(?!py\b|sql\b)([a-z]\w*)")


def named(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def mentions(page: Path, pattern: re.Pattern[str]) -> Iterator[str]:
    """What the pattern finds on the page, each once; its group where it has one."""
    found = dict.fromkeys(match[pattern.groups and 1] for match in pattern.finditer(page.read_text(encoding="utf-8")))
    yield from (text.rstrip(".") for text in found)


@cache
def files() -> tuple[str, ...]:
    """The files of the folders and those beside them, with paths from the repository on."""
    inside = (path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*"))
    return tuple(
        path.relative_to(REPOSITORY).as_posix()
        for path in (*inside, *REPOSITORY.iterdir())
        if path.is_file() and "__pycache__" not in path.parts
    )


@cache
def names_of(module: Path) -> frozenset[str]:
    """What stands at the top level of a module: definitions, assignments and imports, and what it exports by name."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    names = {child.id for node in tree.body for child in ast.walk(node) if isinstance(child, ast.Name)}
    names |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    imported = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    return frozenset(names | {alias.asname or alias.name for node in imported for alias in node.names})


def is_there(dotted: str) -> bool:
    """Whether this is a module or package, or a name at the top level of one (what follows that is not looked at)."""
    folder, *rest = dotted.split(".")
    place = REPOSITORY / folder
    for position, name in enumerate(rest):
        if (place / name).is_dir():
            place /= name
        elif (module := place / f"{name}.py").is_file():
            return position + 1 == len(rest) or rest[position + 1] in names_of(module)
        else:
            return (place / "__init__.py").is_file() and name in names_of(place / "__init__.py")
    return True


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_paths_on_a_page_exist(page: Path) -> None:
    globs = {path: re.sub(r"<\w+>", "*", path).rstrip("/") for path in mentions(page, PATH)}
    assert [path for path, pattern in globs.items() if not any(REPOSITORY.glob(pattern))] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_file_names_on_a_page_exist_in_the_repository(page: Path) -> None:
    patterns = {name: re.compile(rf"(.*/)?{re.escape(name)}") for name in mentions(page, FILE_NAME) if "<" not in name}
    missing = [name for name, pattern in patterns.items() if not any(map(pattern.fullmatch, files()))]
    assert [name for name in missing if not re.fullmatch("[A-Z]+", Path(name).stem) and "*" not in name] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_dotted_names_on_a_page_exist(page: Path) -> None:
    assert [dotted for dotted in mentions(page, DOTTED) if not is_there(dotted)] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_names_that_a_page_places_in_a_file_are_defined_in_the_file(page: Path) -> None:
    pairs = NAME_IN_FILE.findall(page.read_text(encoding="utf-8"))
    assert [(name, path) for name, path in pairs if name not in names_of(REPOSITORY / path)] == []


def test_check_of_documented_names_rejects_a_missing_name_and_finds_paths() -> None:
    assert not is_there("feature_repo.offline_store.store.NoSuchStore")
    assert not is_there("feature_repo.keys")
    assert is_there("feature_repo.errors.GateRefused")
    assert PATH.findall("see `feature_repo/keys.py` and ../shared/docs/x.md") == ["feature_repo/keys.py"]


def test_tables_on_the_pages_exist(database: psycopg.Connection) -> None:
    stored = {
        f"{schema}.{name}"
        for schema, name in database.execute(
            "select nspname, relname from pg_class join pg_namespace on pg_namespace.oid = relnamespace "
            "union select nspname, proname from pg_proc join pg_namespace on pg_namespace.oid = pronamespace"
        )
    }
    text = {page: page.read_text(encoding="utf-8") for page in PAGES}
    named_tables = {(named(page), ".".join(match.groups())) for page in PAGES for match in TABLE.finditer(text[page])}
    assert sorted((page, table) for page, table in named_tables if table not in stored) == []
