"""From the threads that serve to ops.served_vectors: a bounded queue, and one thread of the process that writes.

Whoever serves only draws lots and puts what was chosen into the queue. What does not fit there, or cannot be written,
is dropped and counted; a Postgres that is dead or slow costs an answer nothing.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import random
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, Protocol

import psycopg

from feature_repo.postgres.queries import feast_statement
from feature_repo.postgres.sessions import feast_session
from feature_repo.served_vectors.served_vector import ServedVector
from feature_repo.served_vectors.settings import served_share
from feature_repo.servers.environment import environment_over_dotenv

if TYPE_CHECKING:
    from feast import RepoConfig

# Vectors that wait to be written: some 5 MB.
MOST_WAITING: Final = 5_000
# Vectors that are written by one statement, and the seconds between two.
_AT_ONCE: Final = 500
_PAUSE: Final = 1.0
# Seconds without an attempt after one that failed; and those that the end of a process waits for what is left.
_AFTER_FAILURE: Final = 10.0
_AT_EXIT: Final = 2.0
# What no text of Postgres can hold: the character NUL, as JSON spells it, and half of a surrogate pair.
_UNSTORABLE: Final = re.compile(r"\\u0000|[\ud800-\udfff]")

_log = logging.getLogger(__name__)


class Servable(Protocol):
    """Vectors that were served at once."""

    def __len__(self) -> int:
        """How many."""

    def served(self, positions: Sequence[int]) -> list[ServedVector]:
        """Those at these positions. Called in the writing thread."""


class VectorLog:
    """Keeps a share of the vectors that it is offered. Safe for threads, and across a fork."""

    def __init__(
        self,
        share: float,
        session: Callable[[], AbstractContextManager[psycopg.Connection]],
        *,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._share, self._session, self._most_waiting = share, session, most_waiting
        #: Vectors that were written, and that were chosen and are lost.
        self.written = self.dropped = 0
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.close)

    def _begin(self) -> None:
        """As in a process that has served nothing yet: the thread, and what waits for it, are the parent's."""
        self._random = random.Random()  # noqa: S311 (a sample, no secret)
        self._waiting: deque[tuple[Servable, list[int]]] = deque()
        self._count = 0
        self._lock = threading.Lock()
        self._wake, self._ends = threading.Event(), threading.Event()
        self._writer: threading.Thread | None = None

    def offer(self, vectors: Servable) -> None:
        """Draw lots for each of the vectors, and have those that are chosen written. Never waits, never raises."""
        chosen = [place for place in range(len(vectors)) if self._random.random() < self._share]
        if not chosen:
            return
        with self._lock:
            room = max(0, self._most_waiting - self._count)
            self.dropped += max(0, len(chosen) - room)
            if room:
                self._waiting.append((vectors, chosen[:room]))
                self._count += len(chosen[:room])
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, name="served vectors", daemon=True)
                self._writer.start()
        self._wake.set()

    def close(self, seconds: float = _AT_EXIT) -> None:
        """Write what waits, for so long. What is not written by then is lost."""
        self._ends.set()
        self._wake.set()
        if self._writer is not None:
            self._writer.join(seconds)

    # ---- in the writing thread ---------------------------------------------------------------------------------------

    def _write_all(self) -> None:
        while True:
            self._wake.wait()
            # A pause, in which more may come: one session for all of it.
            self._ends.wait(_PAUSE)
            self._wake.clear()
            for batch in self._batches():
                if not self._is_written(batch) and not self._ends.is_set():
                    self._ends.wait(_AFTER_FAILURE)
            if self._ends.is_set() and not self._count:
                return

    def _batches(self) -> Iterator[list[str]]:
        """What waits, as JSON, so many vectors at once."""
        batch: list[str] = []
        while True:
            with self._lock:
                if not self._waiting:
                    break
                vectors, places = self._waiting.popleft()
                self._count -= len(places)
            batch += self._texts(vectors, places)
            while len(batch) >= _AT_ONCE:
                yield batch[:_AT_ONCE]
                batch = batch[_AT_ONCE:]
        if batch:
            yield batch

    def _texts(self, vectors: Servable, places: list[int]) -> list[str]:
        try:
            texts = [json.dumps(vars(vector), allow_nan=False, ensure_ascii=False) for vector in vectors.served(places)]
        except Exception as error:  # noqa: BLE001 (whatever is wrong with a request, it was answered)
            self._drop(len(places), error)
            return []
        sound = [text for text in texts if _UNSTORABLE.search(text) is None]
        if len(sound) < len(texts):
            self._drop(len(texts) - len(sound), ValueError("a text holds a character that Postgres cannot"))
        return sound

    def _is_written(self, batch: list[str]) -> bool:
        try:
            with self._session() as connection:
                connection.execute("set statement_timeout = '10s'")
                connection.execute(feast_statement("keep_served_vectors"), {"vectors": f"[{','.join(batch)}]"})
        except Exception as error:  # noqa: BLE001 (what serves goes on, whatever is wrong with Postgres)
            self._drop(len(batch), error)
            return False
        self.written += len(batch)
        return True

    def _drop(self, vectors: int, error: Exception) -> None:
        with self._lock:
            self.dropped += vectors
            dropped = self.dropped
        _log.warning("%s served vectors were not kept, %s by now: %s", f"{vectors:,}", f"{dropped:,}", error)


_logs: dict[tuple[float, str], VectorLog] = {}
_making: Final = threading.Lock()


def vector_log(config: RepoConfig) -> VectorLog | None:
    """The log of this process for the store of a configuration; None where PIKKIT_SERVED_VECTORS asks for none.

    Raises SettingsUnusable.
    """
    share = served_share(environment_over_dotenv())
    if not share:
        return None
    offline = config.offline_store
    store = f"{offline.host}:{offline.port}/{offline.database}"
    with _making:
        if (share, store) not in _logs:
            _logs[share, store] = VectorLog(share, lambda: feast_session(config, "pikkit served vectors"))
        return _logs[share, store]
