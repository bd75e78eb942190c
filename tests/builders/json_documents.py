"""What `docs/json.md` says of the documents that `--json` prints, held beside documents that were printed.

A section of the page has a table of fields. `a.b` is the member b of the object a, `a[]` an element of the array a. A
name in angle brackets stands for any: `views.<view>`. A field whose type is "document of" something is not looked into.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from tests.conftest import REPOSITORY

_ROW: Final = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
# What the page calls a type of JSON where it says more.
_ALSO: Final = {"instant": "text", "id": "text"}

Path = tuple[str, ...]
Fields = dict[Path, set[str]]


@cache
def sections() -> dict[str, Fields]:
    """By section of the page, its fields, each with the types that it may have."""
    parts = re.split(r"^## ", (REPOSITORY / "docs" / "json.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for heading, _, text in (part.partition("\n") for part in parts):
        rows = _ROW.findall(text)
        assert len(rows) == text.count("\n| `"), f"a row of {heading} is no field, type and meaning"
        found[heading] = {tuple(path.split(".")): _types(types) for path, types in rows}
    return found


def check_documents(section: str, *documents: Any) -> None:
    """Together the documents have the fields that the section names, of the types that it names, and no others."""
    documented = sections()[section]
    found: Fields = defaultdict(set)
    for document in documents:
        for path, kind in _fields(document, (), documented):
            found[path].add(kind)
    names = {path: _name(path, documented) for path in found}
    missing = sorted(".".join(path) for path, name in names.items() if name is None)
    assert not missing, f"printed, and not in docs/json.md under {section}: {missing}"
    never = sorted(map(".".join, documented.keys() - set(names.values())))
    assert not never, f"in docs/json.md under {section}, and not printed: {never}"
    for path, name in names.items():
        types = documented[name or ()]
        assert types & {"any", "document"} or found[path] <= types, (section, path, found[path], types)


def steps_of(document: Any) -> Iterator[dict[str, Any]]:
    """The counts of every step in the document, each under the name of its step."""
    if isinstance(document, dict) and {"step", "counts"} <= document.keys():
        yield {document["step"]: document["counts"]}
    elif isinstance(document, dict | list):
        for value in document.values() if isinstance(document, dict) else document:
            yield from steps_of(value)


def _types(text: str) -> set[str]:
    return {_ALSO.get(word, word) for word in ("document" if text.startswith("document") else text).split(" or ")}


def _fields(value: Any, path: Path, documented: Fields) -> Iterator[tuple[Path, str]]:
    if path:
        yield path, _type(value)
        if documented.get(_name(path, documented) or (), set()) & {"any", "document"}:
            return
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _fields(member, (*path, name), documented)
    elif isinstance(value, list):
        *outer, last = path or ("",)
        for element in value:
            if isinstance(element, dict):
                yield from _fields(element, (*outer, f"{last}[]"), documented)


def _type(value: Any) -> str:
    kinds = {bool: "boolean", str: "text", int: "integer", float: "number", list: "array", dict: "object"}
    return "null" if value is None else kinds[type(value)]


def _name(path: Path, documented: Fields) -> Path | None:
    """The field of the page that this is: itself, or one whose names in angle brackets stand for these."""
    if path in documented:
        return path
    return next((name for name in documented if len(name) == len(path) and all(map(_stands_for, name, path))), None)


def _stands_for(name: str, member: str) -> bool:
    is_any = name.startswith("<") and name.removesuffix("[]").endswith(">")
    return name == member or (is_any and name.endswith("[]") == member.endswith("[]"))
