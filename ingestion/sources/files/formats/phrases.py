"""Tables of phrases: what a text says, row by row, and the name that follows. The first row that fits counts."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from ingestion.sources.files.formats.declaration import Format, Phrase

FOLDER = resources.files(__name__.rpartition(".")[0])


def phrases_named(name: str, format_: Format) -> tuple[Phrase, ...]:
    """The table that a format calls by this name: its own, or the one that ships."""
    return format_.phrases[name] if name in format_.phrases else _shipped(name)


def is_shipped(name: str) -> bool:
    """Whether a table of this name ships."""
    return FOLDER.joinpath(f"{name}.phrases.toml").is_file()


@cache
def _shipped(name: str) -> tuple[Phrase, ...]:
    document = tomllib.loads(FOLDER.joinpath(f"{name}.phrases.toml").read_text(encoding="utf-8"))
    return tuple(Phrase.model_validate(row) for row in document["phrase"])
