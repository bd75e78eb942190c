"""A sign of life for a dead man's switch, such as healthchecks.io: it calls somebody when the sign stays away."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from feature_repo.errors import ConfigurationError
from ingestion.deadline import CALL_PATIENCE, call_within
from ingestion.sources.settings import is_web_address


def check_ping_url(url: str | None) -> None:
    """Raise ConfigurationError for an address that cannot be pinged. The address may be a secret, and is not shown."""
    if url is not None and not is_web_address(url):
        raise ConfigurationError(
            "--ping gives no address of a web server", "Nothing was done", "Give one such as https://hc-ping.com/<id>"
        )


def give_sign(url: str, *, is_well: bool, warn: Callable[[str], None]) -> None:
    """GET the address, or `<address>/fail`. What goes wrong, or takes longer than 2 s, is a warning."""
    parts = urlsplit(url)
    path = parts.path if is_well else f"{parts.path.rstrip('/')}/fail"
    target = urlunsplit(parts._replace(path=path))

    def get() -> None:
        with urllib.request.urlopen(target, timeout=CALL_PATIENCE):  # noqa: S310 (http or https: check_ping_url)
            pass

    if (failure := call_within(CALL_PATIENCE, get)) is not None:
        warn(f"The sign of life did not reach {parts.hostname} ({failure}).")


@contextmanager
def pinged(url: str | None, warn: Callable[[str], None]) -> Iterator[None]:
    """Ping at the end: well, or failed with whatever error goes through. An interrupted command gives no sign."""
    check_ping_url(url)
    try:
        yield
    except Exception:
        if url is not None:
            give_sign(url, is_well=False, warn=warn)
        raise
    if url is not None:
        give_sign(url, is_well=True, warn=warn)
