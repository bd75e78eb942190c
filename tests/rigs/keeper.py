"""Stops the servers of a test process and removes their data when it ends, however it ends.

`python -m tests.rigs.keeper DIRECTORY` waits until its standard input closes, which the system does for a killed parent
too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ingestion.embedded import servers

# A file system that Linux keeps in memory, and how much of it must be free for the servers of a few test processes.
_MEMORY: Final = Path("/dev/shm")
_ENOUGH_BYTES: Final = 4 * 2**30


@contextmanager
def temporary_homes() -> Iterator[Path]:
    """A directory for homes of embedded servers, which are gone afterwards.

    In memory where there is room: a database is some four hundred files, and each test has one of its own; to make them
    on a disk takes most of the time that a short test takes. Not under pytest's own directory: pytest closes that to
    PostgreSQL's user when the tests run as root.
    """
    directory = Path(tempfile.mkdtemp(prefix="pikkit-test-", dir=_memory_directory()))
    command = [sys.executable, "-m", "tests.rigs.keeper", str(directory)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, start_new_session=True):
        yield directory


def _memory_directory() -> Path | None:
    is_usable = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ENOUGH_BYTES
    return _MEMORY if is_usable else None


def clear(directory: Path) -> None:
    """Stop every server whose home lies in the directory, and remove it."""
    for lock in list(directory.rglob("lock")):
        servers.stop_servers(lock.parent)
    shutil.rmtree(directory)


if __name__ == "__main__":
    sys.stdin.read()
    clear(Path(sys.argv[1]))
