"""Who runs a command, as far as the machine and CI tell: kept with what somebody decides, such as an override."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any, Final

from feature_repo.servers.private_files import user_name

# Where CI systems say whose change or click it was: GitHub, GitLab, Buildkite, CircleCI, Azure, Drone, Jenkins.
CI_ACTORS: Final = (
    "GITHUB_ACTOR",
    "GITLAB_USER_LOGIN",
    "BUILDKITE_BUILD_CREATOR",
    "CIRCLE_USERNAME",
    "BUILD_REQUESTEDFOR",
    "DRONE_COMMIT_AUTHOR",
    "BUILD_USER_ID",
)


def current_actor(environ: Mapping[str, str] = os.environ) -> dict[str, str | None]:
    """os_user (of the process, not of the environment), host, and ci_actor: null outside CI."""
    ci_actor = next((environ[name] for name in CI_ACTORS if environ.get(name)), None)
    return {"os_user": user_name(os.getuid()), "host": socket.gethostname(), "ci_actor": ci_actor}


def actor_text(actor: Mapping[str, Any] | None) -> str:
    """An actor in words; an empty text where it was not kept.

    >>> actor_text({"os_user": "runner", "host": "build-7", "ci_actor": "octocat"})
    'octocat in CI (runner on build-7)'
    >>> actor_text({"os_user": "ann", "host": "laptop", "ci_actor": None})
    'ann on laptop'
    """
    if not actor:
        return ""
    where = f"{actor['os_user']} on {actor['host']}"
    return f"{actor['ci_actor']} in CI ({where})" if actor["ci_actor"] else where


def by_actor(actor: Mapping[str, Any] | None) -> str:
    """The same as a remark that follows a verb: " by ann on laptop", or nothing."""
    return f" by {actor_text(actor)}" if actor else ""
