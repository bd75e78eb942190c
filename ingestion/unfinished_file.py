"""A file that is there whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def unfinished_file(path: Path) -> Iterator[Path]:
    """Yield an empty file beside this one to write into. It takes its place in the end, and is removed on any error.

    Readers of `path` see what it held before, or all that was written.
    """
    # A name that nobody can have laid a link under, in a folder that others may write to.
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    unfinished.touch(exist_ok=False)
    try:
        yield unfinished
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
