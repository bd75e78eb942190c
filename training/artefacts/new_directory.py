"""A directory that is written whole or not at all, and never over another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from feature_repo.errors import ConfigurationError


def refuse_written(directory: Path) -> None:
    """Raise ConfigurationError when the directory holds anything, or is a file: a model is never written over."""
    is_file = directory.exists() and not directory.is_dir()
    if is_file or (directory.exists() and any(directory.iterdir())):
        raise ConfigurationError(
            f"{directory} is {'a file' if is_file else 'not empty'}",
            "Nothing was written",
            "Name another place with `--out`, or remove it",
        )


@contextmanager
def whole_directory(directory: Path) -> Iterator[Path]:
    """A directory beside this one to write into. Under its name it is there once it is whole, or not at all.

    Raises as `refuse_written` does for what somebody else has written there by then.
    """
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # all of a home is closed to other users
    with TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as temporary:
        unfinished = Path(temporary) / directory.name
        unfinished.mkdir()
        yield unfinished
        refuse_written(directory)
        unfinished.rename(directory)
