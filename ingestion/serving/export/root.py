"""The place that an export is written to: a directory, or any URL that fsspec has a driver for.

A file is written under `_pikkit_tmp/`, which readers skip, and renamed when it is whole. On an object store the rename
is a copy, and a copy appears there when it is whole too.
"""

from __future__ import annotations

import errno
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

import fsspec
from fsspec.implementations.local import LocalFileSystem

from feature_repo.errors import ConfigurationError, PikkitError, StoreFull, Unreachable

TEMPORARY: Final = "_pikkit_tmp"
_DIGEST_BYTES: Final = 16


class MeasuredFile(io.RawIOBase):
    """A file that is being written, with the size and the digest of what went into it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        self.size = 0

    def writable(self) -> bool:
        """True: it can be written to, and not read (io.RawIOBase)."""
        return True

    def write(self, data: Any) -> int:
        """Write the bytes, and count them (io.RawIOBase). Returns how many they are."""
        self._digest.update(data)
        self._file.write(data)
        self.size += len(memoryview(data).cast("B"))
        return len(data)

    def tell(self) -> int:
        """The number of bytes written (io.RawIOBase)."""
        return self.size

    @property
    def digest(self) -> str:
        """The BLAKE2b digest of everything written so far, in hex."""
        return self._digest.hexdigest()


class Root:
    """A place for files, by paths below it with `/` between."""

    def __init__(self, url: str) -> None:
        """Raises ConfigurationError when no driver takes the URL."""
        self._files, self.path = _opened(url)
        self.path = self.path.rstrip("/")
        self.shown = _shown(self._files, self.path)

    def sizes(self) -> dict[str, int]:
        """Every file below, with its size in bytes. Raises ConfigurationError when there is a file in its place."""
        try:
            self._files.invalidate_cache()
            found = self._files.find(self.path, detail=True)
        except Exception as error:  # the first that is asked of a driver: no credentials, no such bucket, ...
            raise _translated(error, self.shown) from error
        sizes = {path.removeprefix(self.path).lstrip("/"): int(info["size"] or 0) for path, info in found.items()}
        if "" in sizes:
            raise ConfigurationError(f"{self.shown} is a file", "Nothing was written", "Name a directory")
        return sizes

    def read(self, path: str) -> bytes:
        """What is in a file."""
        with export_errors(self.shown), self._files.open(self._full(path), "rb") as file:
            return bytes(file.read())

    @contextmanager
    def writing(self, path: str) -> Iterator[MeasuredFile]:
        """A new file, which is there when this ends without an error."""
        with export_errors(self.shown):
            self._files.makedirs(self._parent(path), exist_ok=True)
            with self._files.open(self._full(path), "wb") as file:
                yield MeasuredFile(file)

    def rename(self, path: str, target: str) -> None:
        """Put a file where another may be. A reader sees the one or the other."""
        source, destination = self._full(path), self._full(target)
        with export_errors(self.shown):
            self._files.makedirs(self._parent(target), exist_ok=True)
            if isinstance(self._files, LocalFileSystem):
                Path(source).replace(destination)
            elif type(self._files).mv is not fsspec.AbstractFileSystem.mv:
                self._files.mv(source, destination)
            else:  # whose `mv` would read a `[` in the root as a pattern
                self._files.cp_file(source, destination)
                self._files.rm_file(source)

    def remove(self, path: str) -> None:
        """Remove a file, and the directories below the root that it leaves empty."""
        with export_errors(self.shown):
            self._files.rm_file(self._full(path))
        self.prune(path.rpartition("/")[0])

    def prune(self, directory: str) -> None:
        """Remove a directory and those above it, below the root, as far as they are empty."""
        # An object store has none; one that is not empty refuses.
        with suppress(OSError, NotImplementedError):
            while directory:
                self._files.rmdir(self._full(directory))
                directory = directory.rpartition("/")[0]

    def ignores_case(self) -> bool:
        """Whether names that differ in case are one here. Only while a temporary file is there."""
        with export_errors(self.shown):
            return bool(self._files.exists(self._full(TEMPORARY.upper())))

    def _full(self, path: str) -> str:
        return f"{self.path}/{path}"

    def _parent(self, path: str) -> str:
        return self._full(path).rpartition("/")[0]


def _opened(url: str) -> tuple[Any, str]:
    try:
        files, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        scheme = fsspec.utils.get_protocol(url)
        raise ConfigurationError(
            f"URLs of {scheme}:// need a driver that is not installed ({error})",
            "Nothing was written",
            "Install it beside pikkit, or give a directory",
        ) from error
    except ValueError as error:
        raise ConfigurationError(
            f"--to is neither a directory nor a URL that fsspec knows: {fsspec.utils.get_protocol(url)}://",
            "Nothing was written",
            "Give a directory, or a URL such as s3://bucket/bets",
        ) from error
    except Exception as error:  # whatever a driver raises where it cannot even begin
        raise _translated(error, f"{fsspec.utils.get_protocol(url)}://") from error
    return files, str(path)


def _shown(files: Any, path: str) -> str:
    """The place in words, without what a URL may hold of a password."""
    if isinstance(files, LocalFileSystem):
        return path or "/"
    protocol = files.protocol if isinstance(files.protocol, str) else files.protocol[0]
    return f"{protocol}://{path.lstrip('/')}"


@contextmanager
def export_errors(shown: str) -> Iterator[None]:
    """Raise what the file system or the driver of an object store says as our errors; `shown` names the place."""
    try:
        yield
    except OSError as error:
        raise _translated(error, shown) from error
    except NotImplementedError as error:
        raise ConfigurationError(f"{shown} can only be read", "Nothing was written", "Name another") from error


def _translated(error: Exception, shown: str) -> PikkitError:
    # Not a driver's own words, which may hold the URL with what is secret in it.
    why = getattr(error, "strerror", None) or type(error).__name__
    state = "What is there stays readable; the next export goes on"
    if isinstance(error, PermissionError | NotADirectoryError | IsADirectoryError | FileExistsError):
        return ConfigurationError(f"{shown} cannot be written: {why}", state, "Check the path and its permissions")
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(f"{shown} has no space left", state, "Free some space and export again", service=shown)
    return Unreachable(f"{shown} cannot be reached: {why}", state, "Check it and export again", service=shown)
