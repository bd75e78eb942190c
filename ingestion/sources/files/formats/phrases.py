"""Tables of phrases: what a text says, row by row, and the name that follows. The first row that fits counts."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Final

from ingestion.sources.files.formats.declaration import Format, Phrase

FORMATS_FOLDER: Final = resources.files(__name__.rpartition(".")[0])
SUFFIX: Final = ".phrases.toml"


def phrases_named(name: str, format_: Format) -> tuple[Phrase, ...]:
    """The table that a format calls by this name: its own, or the one that ships."""
    return format_.phrases[name] if name in format_.phrases else _shipped(name)


@cache
def shipped_tables() -> tuple[str, ...]:
    """The names of the tables that ship."""
    return tuple(file.name.removesuffix(SUFFIX) for file in FORMATS_FOLDER.iterdir() if file.name.endswith(SUFFIX))


@cache
def _shipped(name: str) -> tuple[Phrase, ...]:
    document = tomllib.loads(FORMATS_FOLDER.joinpath(f"{name}{SUFFIX}").read_text(encoding="utf-8"))
    return tuple(Phrase.model_validate(row) for row in document["phrase"])
