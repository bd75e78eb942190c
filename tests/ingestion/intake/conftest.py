"""What the tests of the intake have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import LiteralString

import psycopg
import pytest


@pytest.fixture
def rows(database: psycopg.Connection) -> Callable[[LiteralString], list[tuple[object, ...]]]:
    """The rows of a query on the store."""
    return lambda query: database.execute(query).fetchall()
