"""The state that `--base` names: of a commit, asked of its own code, or of a file that was written before."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from feature_repo.errors import ConfigurationError
from feature_repo.store import REPOSITORY
from ingestion.planning.declared_state import DeclaredState, state_of_document

# What a commit needs to say what it declares. `pikkit` imports all verbs.
_PACKAGES: Final = ("feature_repo", "quality", "ingestion", "training")
# The settings of the caller mean nothing to it.
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "SYSTEMROOT", "TMPDIR")


def base_state(base: str) -> tuple[str, DeclaredState]:
    """What `base` names, in words, and what is declared there.

    A file is read; anything else is a commit of this repository, of which the code is run to say it. Raises
    ConfigurationError where it is neither, or says nothing that can be compared.
    """
    path = Path(base)
    if path.is_file():
        return base, _state_of_text(path.read_text(encoding="utf-8", errors="replace"), base)
    commit = _commit(base)
    with tempfile.TemporaryDirectory(prefix="pikkit-plan-") as directory:
        _extract(commit, Path(directory))
        return f"{base} ({commit[:12]})", _state_of_text(_declared_by(base, Path(directory)), base)


def _state_of_text(text: str, base: str) -> DeclaredState:
    try:
        return state_of_document(json.loads(text))
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"{base} is no JSON ({error})", "Nothing was compared", "Write it with `pikkit plan --declared`"
        ) from error


def _commit(base: str) -> str:
    named = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}")
    if named.returncode != 0:
        raise ConfigurationError(
            f"{base} is neither a file nor a commit that is here",
            "Nothing was compared",
            "Name a branch, a tag or a commit; a shallow clone lacks most of them: `git fetch --unshallow`",
        )
    return named.stdout.decode().strip()


def _extract(commit: str, directory: Path) -> None:
    archive = _git("archive", "--format=tar", commit, "--", *_PACKAGES)
    if archive.returncode != 0:
        raise ConfigurationError(
            f"{commit[:12]} cannot be read: {archive.stderr.decode(errors='replace').strip()}",
            "Nothing was compared",
            "Name a later commit",
        )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(directory, filter="data")


def _declared_by(base: str, directory: Path) -> str:
    """What the code in this directory prints of itself."""
    environ = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "ingestion", "plan", "--declared"],
        cwd=directory,
        env=environ | {"PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = next(reversed(done.stderr.strip().splitlines()), "it says nothing")
        raise ConfigurationError(
            f"The code of {base} cannot say what it declares: {last}",
            "Nothing was compared",
            "Name a commit that has `pikkit plan`, or a file that `pikkit plan --declared` wrote",
        )
    return done.stdout


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", "-C", str(REPOSITORY), *arguments], capture_output=True, check=False)  # noqa: S603, S607
    except FileNotFoundError as error:
        raise ConfigurationError(
            "git is not installed",
            "Nothing was compared",
            "Install it, or name a file that `pikkit plan --declared` wrote",
        ) from error
