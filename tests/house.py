"""How easily a stranger finds things in the product code: what `make check` holds, and what is measured beside it.

    python -m tests.house           the measures, as a table
    python -m tests.house --check   ends with 1 when one of the limits below is broken

Held are four limits: a public name of a module is defined in one module of the product; a folder has at most 15 modules
or 40 SQL files; no name of a test leans on the test above it; and no merge is left half done. The rest is measured the
same way each time, so that it can be compared.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("feature_repo", "quality", "ingestion", "training")
MOST_MODULES: Final = 15
MOST_SQL_FILES: Final = 40

# Locals that say what was done to a value, or nothing, instead of what it is.
EMPTY_LOCALS: Final = frozenset(
    ["found", "one", "held", "told", "given", "asked", "taken", "shown", "known", "kept", "left", "made", "done"]
)
# Words that make the name of a test lean on the test above it.
LEANING_WORDS: Final = frozenset(
    ["it", "its", "they", "them", "their", "theirs", "what", "whose", "one", "ones", "other", "others", "such", "so"]
)
FRAMES: Final = re.compile(r"\b(DataFrame|LazyFrame|Frame|Series|Table|RecordBatch)\b")


def modules(*packages: str) -> Iterator[tuple[Path, ast.Module]]:
    """Every Python file of these packages, with its syntax tree."""
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def public_names(tree: ast.Module) -> Iterator[str]:
    """The names that a module defines at its top level and does not begin with an underscore."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_"))


def collisions() -> dict[str, list[str]]:
    """Every public name that more than one module of the product defines, with these modules."""
    homes: dict[str, set[str]] = defaultdict(set)
    for path, tree in modules(*PACKAGES):
        for name in public_names(tree):
            homes[name].add(str(path))
    return {name: sorted(paths) for name, paths in sorted(homes.items()) if len(paths) > 1}


def twin_statements() -> dict[str, list[str]]:
    """Every name that two SQL files of a package have, with these: statements are found by their names."""
    homes: dict[str, list[str]] = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((ROOT / package / "sql").rglob("*.sql")):
            if "migrations" not in path.parts:
                homes[f"{package}: {path.name}"].append(str(path.relative_to(ROOT)))
    return {name: paths for name, paths in homes.items() if len(paths) > 1}


def full_folders() -> dict[str, int]:
    """Folders over their limit, with the number of their modules (`__init__.py` counted) or SQL files."""
    too_full = {}
    for suffix, most in ((".py", MOST_MODULES), (".sql", MOST_SQL_FILES)):
        for folder, files in folder_sizes(suffix).items():
            if files > most:
                too_full[f"{folder}/*{suffix}"] = files
    return too_full


def folder_sizes(suffix: str) -> Counter[str]:
    """The number of files with this suffix in each folder of the product."""
    files = (path for package in PACKAGES for path in (ROOT / package).rglob(f"*{suffix}"))
    return Counter(str(path.parent.relative_to(ROOT)) for path in files)


def test_names() -> list[tuple[Path, str]]:
    """Every test of tests/, as its file and the name of its function, in the order of the files."""
    return [
        (path, node.name)
        for path, tree in modules("tests")
        if path.name.startswith("test_")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


def leaning_test_names() -> list[tuple[Path, str]]:
    """The tests of `test_names` in whose name one of LEANING_WORDS stands."""
    return [(path, name) for path, name in test_names() if LEANING_WORDS & set(name.split("_"))]


def conflict_markers(root: Path = ROOT) -> list[str]:
    """Lines that a merge left behind for somebody to choose from, in the text files that Git has, as path:line."""
    search = ["git", "-C", str(root), "grep", "-nIE", "^(<{7}|>{7}|[|]{7})( |$)"]
    lines = subprocess.run(search, capture_output=True, text=True, check=False).stdout.splitlines()
    return [":".join(line.split(":")[:2]) for line in lines]


def measures() -> Iterator[tuple[str, str]]:
    """What is measured, in words, and its figure."""
    trees = list(modules(*PACKAGES))
    (folder, most), (sql_folder, most_sql) = (folder_sizes(suffix).most_common(1)[0] for suffix in (".py", ".sql"))
    yield "modules in the fullest folder", f"{most} ({folder})"
    yield "SQL files in the fullest folder", f"{most_sql} ({sql_folder})"
    defined = {name for _, tree in trees for name in public_names(tree)}
    yield "public names defined in more than one module", f"{len(collisions())} of {len(defined)}"
    yield from _locals([tree for _, tree in trees])
    yield from _docstrings([tree for _, tree in trees])
    lengths = sorted(len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path, _ in trees)
    p50, p90 = (lengths[int(len(lengths) * share)] for share in (0.5, 0.9))
    yield "lines of a file, p50 / p90 / max", f"{p50} / {p90} / {lengths[-1]}"
    yield "files, lines of product code", f"{len(trees)}, {sum(lengths):,}"
    tests, leaning = len(test_names()), len(leaning_test_names())
    yield "test names that lean on a neighbour", f"{leaning} of {tests} ({leaning / tests:.1%})"


def _locals(trees: list[ast.Module]) -> Iterator[tuple[str, str]]:
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    bound = [
        (function, name.id)
        for function in functions
        for name in ast.walk(function)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    ]
    distinct = set(bound)
    empty = [name for _, name in distinct if name in EMPTY_LOCALS]
    yield (
        "locals that say nothing (found, held, given ...)",
        f"{len(empty)} of {len(distinct)} ({len(empty) / len(distinct):.1%})",
    )


def _docstrings(trees: list[ast.Module]) -> Iterator[tuple[str, str]]:
    functions = [
        node
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and ast.get_docstring(node)
    ]
    takes_frames = [node for node in functions if FRAMES.search(_signature(node))]
    short = [node for node in takes_frames if len((ast.get_docstring(node) or "").splitlines()) == 1]
    share = len(short) / len(takes_frames)
    yield "docstrings of one line where frames go in or out", f"{len(short)} of {len(takes_frames)} ({share:.1%})"
    lines = sum(len((ast.get_docstring(node) or "").splitlines()) for node in functions)
    yield "lines of a public docstring, mean", f"{lines / len(functions):.2f}"
    texts = [ast.get_docstring(node) or "" for tree in trees for node in ast.walk(tree) if _has_docstring(node)]
    yield "`>>>` examples", str(sum(line.lstrip().startswith(">>>") for text in texts for line in text.splitlines()))


def _has_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)


def _signature(node: ast.FunctionDef) -> str:
    annotations = [argument.annotation for argument in (*node.args.args, *node.args.kwonlyargs)]
    return " ".join(ast.unparse(annotation) for annotation in (*annotations, node.returns) if annotation)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main(arguments: list[str]) -> int:
    """Print the measures, or with `--check` what breaks a limit. Returns the exit code."""
    if arguments == ["--check"]:
        for name, paths in collisions().items():
            _print(f"{name} is defined in {', '.join(paths)}: name each for what it is")
        for folder, files in full_folders().items():
            _print(f"{folder}: {files} files, over the limit: make a folder of what belongs together")
        for path, test in leaning_test_names():
            words = ", ".join(sorted(LEANING_WORDS & set(test.split("_"))))
            _print(f"{path}: {test} leans on a neighbour ({words}): say subject, condition and outcome")
        for name, paths in twin_statements().items():
            _print(f"{name} is {' and '.join(paths)}: statements are found by their names")
        for place in conflict_markers():
            _print(f"{place} is what a merge left: choose a side")
        return bool(collisions() or full_folders() or leaning_test_names() or twin_statements() or conflict_markers())
    for measure, figure in measures():
        _print(f"{measure:55} {figure}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
