"""How many of the served vectors are kept, and for how long, as the environment says.

| variable | default | meaning |
|---|---|---|
| `PIKKIT_SERVED_VECTORS` | 0 | the share of served vectors that is kept in ops.served_vectors, 0 to 1 |
| `PIKKIT_SERVED_VECTORS_DAYS` | 30 | for how many days; each run drops older ones |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from feature_repo.servers.environment import settings_unusable

SERVED_VECTORS_VARIABLES: Final = ("PIKKIT_SERVED_VECTORS", "PIKKIT_SERVED_VECTORS_DAYS")
_SHARE, _DAYS = SERVED_VECTORS_VARIABLES
_DEFAULT_DAYS: Final = 30.0


def served_share(environ: Mapping[str, str]) -> float:
    """The share of vectors that is kept. Raises SettingsUnusable for one that is none."""
    if problems := served_vector_problems(environ):
        raise settings_unusable(problems)
    return float(environ.get(_SHARE, "").strip() or 0)


def served_vectors_kept(environ: Mapping[str, str]) -> timedelta:
    """For how long vectors are kept. Raises SettingsUnusable for what is no time."""
    if problems := served_vector_problems(environ):
        raise settings_unusable(problems)
    return timedelta(days=float(environ.get(_DAYS, "").strip() or _DEFAULT_DAYS))


def served_vector_problems(environ: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each of these settings, by name."""
    problems = {}
    if not 0 <= _number(environ.get(_SHARE, "")) <= 1:
        problems[_SHARE] = "not a share from 0 to 1, such as 0.01"
    if not 0 <= _number(environ.get(_DAYS, "")) <= 36_500:
        problems[_DAYS] = "not a number of days, such as 30"
    return problems


def _number(text: str) -> float:
    try:
        return float(text.strip() or 0)
    except ValueError:
        return float("nan")
