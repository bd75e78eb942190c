"""How long work tells where it stands: a callable that takes the step, how much is done, and of how much if that is
known.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told about each advance; must be cheap and must not raise."""

    def __call__(self, step: str, done: int, total: int | None, *, waiting: str = "") -> None:
        """`done` of `total` rows of `step` are through; `total` is null where nobody knows.

        `waiting` says for what the work stands still just now, and for how long ("4 s: 503 from ...").
        """


def silent(step: str, done: int, total: int | None, *, waiting: str = "") -> None:
    """Tell nobody."""
