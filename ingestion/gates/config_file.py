"""The gates as a user sets them: a TOML file, gate by gate, only what differs from quality/gates.toml.

[min_records]
threshold = 500

[win_rate_vs_implied]
severity = "warn"
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from feature_repo.errors import ConfigurationError
from quality.gates import Gates, GatesUnusable, default_gates, gates_with


def gates_of(file: Path | None) -> Gates:
    """The default gates with what the file sets otherwise. Raises ConfigurationError that names all problems."""
    if file is None:
        return default_gates()
    try:
        return gates_with(_read(file))
    except GatesUnusable as error:
        problems = "".join(f"\n  - {problem}" for problem in error.problems)
        raise ConfigurationError(
            f"The gates in {file} are not usable:{problems}\n", "Nothing was done", "Put the file right (PIKKIT_GATES)"
        ) from None


def problems_of(file: Path) -> list[str]:
    """What is wrong with the file."""
    try:
        gates_with(_read(file))
    except GatesUnusable as error:
        return list(error.problems)
    except ConfigurationError as error:
        return [error.what]
    return []


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        why = error.strerror or type(error).__name__
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        why = str(error)
    raise ConfigurationError(
        f"The gates in {file} cannot be read: {why}", "Nothing was done", "Put the file right (PIKKIT_GATES)"
    )
