"""Stops the servers of a test process and removes their data when it ends, however it ends.

`python -m tests.rigs.keeper DIRECTORY` waits until its standard input closes, which the system does for a killed parent
too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingestion.embedded import servers


@contextmanager
def temporary_homes() -> Iterator[Path]:
    """A directory for homes of embedded servers, which are gone afterwards.

    Not under pytest's own directory: pytest closes that to PostgreSQL's user when the tests run as root.
    """
    directory = Path(tempfile.mkdtemp(prefix="pikkit-test-"))
    command = [sys.executable, "-m", "tests.rigs.keeper", str(directory)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, start_new_session=True):
        yield directory


def clear(directory: Path) -> None:
    """Stop every server whose home lies in the directory, and remove it."""
    for lock in list(directory.rglob("lock")):
        servers.stop_servers(lock.parent)
    shutil.rmtree(directory)


if __name__ == "__main__":
    sys.stdin.read()
    clear(Path(sys.argv[1]))
