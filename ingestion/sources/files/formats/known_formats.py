"""Which formats there are, which one a file is of, and what makes a file's rows bets."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from feature_repo.errors import ConfigurationError
from ingestion.sources.files.formats.declaration import Format, FormatInvalid, folded
from ingestion.sources.files.formats.declaration_text import parse_format, read_text
from ingestion.sources.files.formats.phrases import FORMATS_FOLDER, SUFFIX, shipped_tables
from quality.schema import REQUIRED_COLUMNS


@dataclass(frozen=True)
class FileFormat:
    """A format in use. `text` is the user's own declaration; null for one that ships, which its name stands for."""

    format: Format
    text: str | None = None

    @property
    def name(self) -> str:
        """What the store knows it by."""
        return self.format.name

    @cached_property
    def derived_columns(self) -> tuple[str, ...]:
        """The columns of a bet that are more than a column of the file under another name."""
        return tuple(name for name, rules in self.format.bets.items() if not all(rule.is_plain for rule in rules))

    @property
    def unknown_columns(self) -> tuple[str, ...]:
        """The required columns of a bet that the format has no rule for: null in every row."""
        return tuple(name for name in REQUIRED_COLUMNS if name not in self.format.bets)


@cache
def shipped_formats() -> dict[str, FileFormat]:
    """The formats that ship, by name."""
    formats = (FileFormat(parse_format(text, _texts(), shipped_tables(), name=name)) for name, text in _texts().items())
    return {each.name: each for each in formats}


def recognised(columns: Iterable[str]) -> FileFormat | None:
    """The format whose identifying columns a file has; of several the one that asks for most."""
    there = set(columns)
    fitting = [each for each in shipped_formats().values() if there.issuperset(each.format.identified_by)]
    return max(fitting, key=lambda each: len(each.format.identified_by), default=None)


def nearest_format(columns: Collection[str]) -> tuple[FileFormat, list[str]] | None:
    """The format of which the columns have the largest part, and what they lack of it.

    Of what identifies it they have half at least, in any letter case.
    """
    there = {folded(name) for name in columns}

    def share(each: FileFormat) -> float:
        return len(there.intersection(map(folded, each.format.identified_by))) / len(each.format.identified_by)

    nearest = max(shipped_formats().values(), key=share)
    return (nearest, nearest.format.missing(columns)) if share(nearest) >= 0.5 else None


def read_mapping(path: Path) -> FileFormat:
    """The format that the user's own file declares. Raises ConfigurationError with all that is wrong with it."""
    try:
        return declared_format(read_text(path), name=path.stem)
    except OSError as error:
        raise ConfigurationError(
            f"The mapping {path} cannot be read: {error.strerror or error}", "Nothing was done", "Check the path"
        ) from None
    except FormatInvalid as error:
        problems = "\n".join(f"  {problem}" for problem in error.problems)
        raise ConfigurationError(
            f"The mapping {path} cannot be used:\n{problems}", "Nothing was done", "docs/formats.md has the language"
        ) from None


def declared_format(text: str, *, name: str = "mapping") -> FileFormat:
    """The format that a TOML text declares, called `name` where it does not say. Raises FormatInvalid."""
    return FileFormat(parse_format(text, _texts(), shipped_tables(), name=name), text)


@cache
def _texts() -> dict[str, str]:
    """The texts of the formats that ship, by the name of their file in kebab case."""
    files = (
        file for file in FORMATS_FOLDER.iterdir() if file.name.endswith(".toml") and not file.name.endswith(SUFFIX)
    )
    return {
        file.name.removesuffix(".toml").replace("_", "-"): file.read_text(encoding="utf-8")
        for file in sorted(files, key=lambda file: file.name)
    }
