"""Files and directories of a home that nobody but their owner can read, or put others in the place of.

A home holds the password of its Redis and, as PostgreSQL's socket directory, the key to its database. Files are opened
without following a link at their end and made for their owner alone.
"""

from __future__ import annotations

import errno
import os
import pwd
import shlex
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from feature_repo.errors import HomeUnsafe

# What the kernel follows at most, too.
_MOST_LINKS: Final = 40
_NOTHING: Final = "Nothing was read or written there"
_ELSEWHERE: Final = "Set PIKKIT_HOME to a directory of your own"


def refuse_unsafe_home(home: Path) -> None:
    """Raise HomeUnsafe when another user made this home, or could put one of their own in its place.

    Each directory on the way to it is looked at, and each link among them. One where every user may write is refused,
    unless it is sticky, as /tmp, and what leads on from there is our own. A home that does not exist yet passes as far
    as its path exists. The home may be a link of ours; then where it leads to is what counts.
    """
    trusted = {os.geteuid(), 0}
    try:
        for directory, entry, is_home in _way(home):
            above = directory.stat()
            everybody_writes = bool(above.st_mode & stat.S_IWOTH)
            if everybody_writes and not above.st_mode & stat.S_ISVTX:
                raise _open_place(home, directory)
            if entry.st_uid not in trusted and (is_home or everybody_writes):
                raise _foreign(home, entry.st_uid)
            if is_home and not stat.S_ISLNK(entry.st_mode) and entry.st_uid != os.geteuid():
                raise _foreign(home, entry.st_uid)
    except FileNotFoundError:
        return
    except OSError as error:
        raise HomeUnsafe(f"PIKKIT_HOME {home} cannot be reached ({error.strerror})", _NOTHING, _ELSEWHERE) from None


def open_private(path: Path, flags: int) -> int:
    """The descriptor of a regular file of ours, made for us alone if it was not there; `flags` as for `os.open`.

    Raises HomeUnsafe when it is a link, no regular file, or somebody else's; OSError otherwise. Rights of others to a
    file that was there are taken away.
    """
    # A pipe would have us wait for its other end.
    flags |= os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError:
        refuse_unsafe_file(path)
        raise
    try:
        refuse_unsafe_file(path, os.fstat(descriptor))
        os.fchmod(descriptor, 0o600)
        os.set_blocking(descriptor, True)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_private(path: Path, text: str) -> None:
    """Give a file of ours this content; otherwise as `open_private`. Nothing is cut off before it is known as ours."""
    with os.fdopen(open_private(path, os.O_WRONLY), "w", encoding="utf-8") as file:
        file.truncate()
        file.write(text)


def read_private(path: Path) -> str:
    """The content of a file that nobody but us can have written. Raises HomeUnsafe for any other; OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError:
        refuse_unsafe_file(path)
        raise
    with os.fdopen(descriptor, encoding="utf-8") as file:
        status = os.fstat(descriptor)
        refuse_unsafe_file(path, status)
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise HomeUnsafe(
                f"{path} can be written by other users", _NOTHING, f"Look into it, then: chmod 600 {_quoted(path)}"
            )
        return file.read()


def refuse_unsafe_file(path: Path, status: os.stat_result | None = None) -> None:
    """Raise HomeUnsafe unless this is a regular file of ours. `status` is that of the file, if it is open."""
    status = status or path.lstat()
    if stat.S_ISLNK(status.st_mode):
        kind = "is a symbolic link, and a file of its own belongs there"
    elif not stat.S_ISREG(status.st_mode):
        kind = "is no regular file"
    elif status.st_uid != os.geteuid():
        kind = f"belongs to another user, {user_name(status.st_uid)}"
    else:
        return
    raise HomeUnsafe(f"{path} {kind}", _NOTHING, "Look who put it there, and remove it")


def user_name(uid: int) -> str:
    """The name of a user, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _way(home: Path) -> Iterator[tuple[Path, os.stat_result, bool]]:
    """Each step to the home as the kernel takes it: the directory, what is entered in it, and whether it is the home.

    A link is a step, and so is each that it leads over.
    """
    steps = home.parts[1:]
    parts = deque((part, at == len(steps)) for at, part in enumerate(steps, 1))
    directory, links = Path(home.anchor), 0
    while parts:
        part, is_home = parts.popleft()
        if part == "..":
            directory = directory.parent
            continue
        entry = directory / part
        status = entry.lstat()
        yield directory, status, is_home
        if not stat.S_ISLNK(status.st_mode):
            directory = entry
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, "Too many levels of symbolic links")
        target = entry.readlink()
        names = [name for name in target.parts if name != target.anchor]
        parts.extendleft(reversed([(name, is_home and at == len(names)) for at, name in enumerate(names, 1)]))
        if target.is_absolute():
            directory = Path(target.anchor)


def _foreign(home: Path, uid: int) -> HomeUnsafe:
    return HomeUnsafe(f"PIKKIT_HOME {home} belongs to another user, {user_name(uid)}", _NOTHING, _ELSEWHERE)


def _open_place(home: Path, directory: Path) -> HomeUnsafe:
    return HomeUnsafe(
        f"PIKKIT_HOME {home} lies in {directory}, where every user may write and replace what is there",
        _NOTHING,
        f"{_ELSEWHERE}, or close that one: chmod o-w {_quoted(directory)}",
    )


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
