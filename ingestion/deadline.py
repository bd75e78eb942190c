"""A call to somebody else's server that may take so long and no longer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

# Seconds for one call. A timeout of sockets bounds each wait, and neither a slow resolver nor an answer that drips.
CALL_PATIENCE: Final = 2.0


def call_within(seconds: float, call: Callable[[], object]) -> str | None:
    """Make the call in a thread of its own. What kept it from succeeding in that time, by the error's type; or None.

    A call that takes longer goes on by itself, and does not keep the process from ending.
    """
    failures: list[str | None] = []

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 (whatever a library raises)
            failures.append(type(error).__name__)
        else:
            failures.append(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return failures[0] if failures else f"no answer in {seconds:.0f} s"
