"""README.md, CONTRIBUTING.md, docs/*.md, and the comments and docstrings of the code name only what there is.

Of the pages that is files, modules, names and tables; of the code files, modules and names. CHANGELOG.md is left out:
it may name what was. So are migrations, which stay as they were applied.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psycopg
import pytest

from tests.conftest import REPOSITORY
from tests.house import PACKAGES

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
FOLDERS = (*PACKAGES, "tests", "benchmarks", "docs", "examples")
_ANY_FOLDER = "|".join(FOLDERS)
# A path in one of the folders. <name> stands for any name, * too.
PATH = re.compile(rf"(?<![\w/.~-])(?:{_ANY_FOLDER})/[\w./<>*-]*")
# A file that is named in backticks without its folder, or by the end of its path.
FILE_NAME = re.compile(r"`([\w/<>*-]+\.(?:py|sql|toml|md|yaml))`")
# The same in a comment or a docstring, where it stands without backticks.
BARE_FILE_NAME = re.compile(r"(?<![\w/.<*-])([\w/]+\.(?:py|sql|toml|md))\b")
NAME_IN_FILE = re.compile(r"`(\w+)` (?:in|of) `([\w/]+\.py)`")
DOTTED = re.compile(r"(?<![\w/.-])(?:feature_repo|quality|ingestion|tests|benchmarks)(?:\.[A-Za-z_]\w*)+")
TABLE = re.compile(r"(?<![\w/.-])(raw|processed|quarantine|features|ops)\.(?!py\b|sql\b)([a-z]\w*)")


def named(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def mentions(text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    """What the pattern finds in a text, each once; its group where it has one."""
    matches = dict.fromkeys(match[pattern.groups and 1] for match in pattern.finditer(text))
    yield from (match.rstrip(".") for match in matches)


def remarks(source: Path) -> str:
    """The docstrings and comments of a Python file, or the comments of an SQL file."""
    text = source.read_text(encoding="utf-8")
    if source.suffix == ".sql":
        return "\n".join(re.findall("--.*", text))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    with source.open("rb") as file:
        comments = [token.string for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT]
    return "\n".join(docstrings + comments)


def missing_paths(text: str) -> list[str]:
    """The paths in a text that are not there, from the repository on."""
    globs = {path: re.sub(r"<\w+>", "*", path).rstrip("/") for path in mentions(text, PATH)}
    return [path for path, pattern in globs.items() if not any(REPOSITORY.glob(pattern))]


def missing_files(text: str, names: re.Pattern[str]) -> list[str]:
    """The file names in a text, with or without the end of their path, that no file of the repository has."""
    patterns = {name: re.compile(rf"(.*/)?{re.escape(name)}") for name in mentions(text, names) if "<" not in name}
    missing = [name for name, pattern in patterns.items() if not any(map(pattern.fullmatch, files()))]
    return [name for name in missing if not re.fullmatch("[A-Z]+", Path(name).stem) and "*" not in name]


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
    assert missing_paths(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_file_names_on_a_page_exist_in_the_repository(page: Path) -> None:
    assert missing_files(page.read_text(encoding="utf-8"), FILE_NAME) == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_dotted_names_on_a_page_exist(page: Path) -> None:
    assert [dotted for dotted in mentions(page.read_text(encoding="utf-8"), DOTTED) if not is_there(dotted)] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_names_that_a_page_places_in_a_file_are_defined_in_the_file(page: Path) -> None:
    pairs = NAME_IN_FILE.findall(page.read_text(encoding="utf-8"))
    assert [(name, path) for name, path in pairs if name not in names_of(REPOSITORY / path)] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_and_names_in_comments_and_docstrings_exist(folder: str) -> None:
    sources = [path for kind in ("*.py", "*.sql") for path in (REPOSITORY / folder).rglob(kind)]
    missing = {}
    for source in sorted(source for source in sources if source.parent.name != "migrations"):
        text = remarks(source)
        unknown = [dotted for dotted in mentions(text, DOTTED) if not is_there(dotted)]
        if names := missing_paths(text) + missing_files(text, BARE_FILE_NAME) + unknown:
            missing[named(source)] = names
    assert missing == {}


def test_check_of_documented_names_rejects_a_missing_name_and_finds_paths() -> None:
    assert not is_there("feature_repo.offline_store.store.NoSuchStore")
    assert not is_there("feature_repo.keys")
    assert is_there("feature_repo.errors.GateRefused")
    assert PATH.findall("see `feature_repo/keys.py` and ../shared/docs/x.md") == ["feature_repo/keys.py"]
    assert missing_files("as of streams.py and no_such_module.py", BARE_FILE_NAME) == ["no_such_module.py"]


def test_remarks_of_a_file_are_the_comments_and_docstrings_without_string_literals(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text('"""See feature_repo/gone.py."""\nx = "ingestion/none.py"  # as of quality/gone.py\n')
    assert missing_paths(remarks(source)) == ["feature_repo/gone.py", "quality/gone.py"]


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
