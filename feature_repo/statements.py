"""The SQL files of this package."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import LiteralString


@cache
def statement(name: str) -> LiteralString:
    """The text of `feature_repo/sql/<name>.sql`."""
    return resources.files("feature_repo").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
