"""A value that is read again in the background when it is too old, while its users go on with the last one."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

_Value = TypeVar("_Value")

_log = logging.getLogger(__name__)


class Refreshed(Generic[_Value]):
    """A value with the function `read` that reads it. Safe for threads, and across a fork.

    The first read is made here, and raises what `read` raises. `get` returns the last value, and starts a thread that
    reads it anew when it is older than `seconds`; `reread` does so at once. While that fails, the last value stays, and
    one warning is logged, which calls the value `what`.
    """

    def __init__(self, read: Callable[[], _Value], seconds: float, what: str) -> None:
        self._read, self._seconds, self._what = read, seconds, what
        self._value = read()
        self._due = time.monotonic() + seconds
        self._is_failing = False
        self._reader: threading.Thread | None = None

    def get(self) -> _Value:
        """The value as it was last read."""
        # Two threads may find it due in the same instant; then it is read twice, which does no harm. A reader that a
        # fork left behind in the parent is not alive in the child.
        if time.monotonic() >= self._due and not (self._reader and self._reader.is_alive()):
            self._due = time.monotonic() + self._seconds
            self._reader = threading.Thread(target=self.reread, name=f"rereading {self._what}", daemon=True)
            self._reader.start()
        return self._value

    def reread(self) -> _Value:
        """The value, read in this thread; the last one where that fails."""
        try:
            self._value = self._read()
            self._is_failing = False
        except Exception as error:  # noqa: BLE001 (scoring goes on with what it has, whatever is wrong with Postgres)
            if not self._is_failing:
                _log.warning("%s cannot be read anew, and stays as it is: %s", self._what, error)
            self._is_failing = True
        return self._value
