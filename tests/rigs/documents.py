"""Commands that stand in the documents of this repository, as words that a shell would split them into."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import REPOSITORY

PROGRAMS = ("pikkit", "feast", "make")
_FENCED = re.compile(r"^```(?:bash|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ANY_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_OURS = re.compile(rf"(?:^|[\s($;&|])(?:{'|'.join(PROGRAMS)})\s")
_IN_TEXT = re.compile(rf"`((?:{'|'.join(PROGRAMS)}) [^`]+)`")


def documents() -> list[Path]:
    """README.md, CONTRIBUTING.md where there is one, and all of docs/; CHANGELOG.md tells of commands that are gone."""
    pages = (REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md"))
    return [*(page for page in pages if page.exists()), *sorted((REPOSITORY / "docs").glob("*.md"))]


def section(document: Path, heading: str) -> str:
    """What stands under a heading of the second level, up to the next one."""
    return document.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def fenced_lines(text: str) -> list[str]:
    """The lines of the text's shell blocks that run one of our programs, without comments.

    A line that ends in a backslash goes on in the next one.
    """
    blocks = (block.replace("\\\n", " ") for block in _FENCED.findall(text))
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for block in blocks for line in block.splitlines())
    return [re.sub(r"\s+", " ", line) for line in lines if _OURS.search(f"{line} ")]


def lines_in_text(text: str) -> list[str]:
    """The commands that stand in backticks outside of blocks."""
    return [re.sub(r"\s+", " ", command) for command in _IN_TEXT.findall(_ANY_FENCE.sub("", text))]


def commands_of(line: str) -> Iterator[list[str]]:
    """The commands of our programs in a line of the shell, those inside $(...) included.

    >>> list(commands_of('( eval "$(pikkit env)"; feast feature-views list )'))
    [['pikkit', 'env'], ['feast', 'feature-views', 'list']]
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    command: list[str] = []
    for word in [*lexer, ";"]:
        if word.startswith("$("):
            yield from commands_of(word.removeprefix("$(").removesuffix(")"))
        elif set(word) <= set(";&|()"):
            if command[:1] and command[0] in PROGRAMS:
                yield command
            command = []
        else:
            command.append(word)
