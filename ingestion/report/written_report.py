"""The report as a file: written whole or not at all, on demand and after each run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from feature_repo.errors import ConfigurationError, LockHeld
from feature_repo.servers.connections import Connections
from ingestion.unfinished_file import unfinished_file

if TYPE_CHECKING:
    from ingestion.runs.status import StoreStatus


@dataclass(frozen=True)
class WrittenReport:
    """A report that was written: where, how large, and what it says on top."""

    path: Path
    bytes: int
    is_healthy: bool
    verdict: str


def write_report(connections: Connections, path: Path, look: Callable[[], StoreStatus] | None = None) -> WrittenReport:
    """Write what is seen of the store to a file, in place of what it held: as of the clock, or what `look` saw.

    Readers of the file see the old report or the new one. Raises ConfigurationError when it cannot be written, and what
    `store_status` and `report_contents` raise.
    """
    from ingestion.report.contents import report_contents
    from ingestion.report.page import report_page
    from ingestion.runs.status import status_by_clock
    from ingestion.runs.store_verdict import store_problem, store_verdict

    contents = report_contents(connections, look() if look is not None else status_by_clock(connections))
    page = report_page(contents).encode()
    try:
        _replace(path, page)
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigurationError(
            f"The report {path} cannot be written: {why}", "A report that stood there is as it was", "Name another file"
        ) from error
    return WrittenReport(path, len(page), store_problem(contents.status) is None, store_verdict(contents.status))


@contextmanager
def report_after_run(
    path: Path | None,
    connections: Connections,
    warn: Callable[[str], None],
    look: Callable[[], StoreStatus] | None = None,
) -> Iterator[None]:
    """Write the report once the run inside is over, however it ended; nothing where no path is set.

    The run has committed and let its lock go by then. What keeps the report from being written is a warning, and
    changes nothing about the run. A run that found the lock taken was none.
    """
    try:
        yield
    except LockHeld:
        raise
    except Exception:
        _write_or_warn(path, connections, warn, look)
        raise
    _write_or_warn(path, connections, warn, look)


def _write_or_warn(
    path: Path | None,
    connections: Connections,
    warn: Callable[[str], None],
    look: Callable[[], StoreStatus] | None,
) -> None:
    if path is None:
        return
    try:
        write_report(connections, path, look)
    except Exception as error:  # noqa: BLE001 (the run is over, and was not about this)
        warn(f"The report was not written to {path}: {error}")


def _replace(path: Path, content: bytes) -> None:
    """Give the file this content at once, with the rights that it had, or those of any new file."""
    target = Path(os.path.realpath(path))
    with unfinished_file(target) as unfinished:
        unfinished.write_bytes(content)
        if target.exists():
            unfinished.chmod(target.stat().st_mode & 0o777)
