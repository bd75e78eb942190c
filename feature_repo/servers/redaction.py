"""Secrets taken out of texts that are kept or sent: errors of a run, warnings, lineage events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from feature_repo.errors import PikkitError
from feature_repo.servers.environment import environment_over_dotenv, resolve

REDACTED: Final = "***"
# Settings whose value is secret as a whole, and those that are a URL with a password in it.
_SECRET_NAME: Final = re.compile(r"(PASSWORD|_KEY|APIKEY|TOKEN|SECRET)$|^PGPASSWORD$")
_URL_NAME: Final = re.compile(r"(URL|URLS|CONNECTION)$")
# What is shorter stands in too many words; a URL or `password=` that holds it is found by its form.
_SHORTEST: Final = 4
_USERINFO: Final = re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#'\"]*@")
_ASSIGNED: Final = re.compile(
    r"(?P<name>\b(?:password|passwd|pwd|sslpassword|api_?key|token|secret)\s*[=:]\s*)"
    r"(?P<value>'[^']*'|\"[^\"]*\"|[^\s,;&'\"]+)",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(r"\b(?P<scheme>Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+")


def redacted(text: str, *secrets: str) -> str:
    """The text without secrets: the values of secret settings and these, as they are and percent-encoded; user and
    password of any URL; what follows `password=`.

    >>> redacted("no answer from postgresql://me:pw@db.example/bets")
    'no answer from postgresql://***@db.example/bets'
    >>> redacted("connection to host=db password='a b' failed")
    'connection to host=db password=*** failed'
    """
    known = {*_secrets_of_settings(), *secrets}
    spellings = {spelling for secret in known for spelling in (secret, quote(secret, safe=""), unquote(secret))}
    for secret in sorted(spellings, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, REDACTED)
    text = _USERINFO.sub(rf"\g<scheme>{REDACTED}@", text)
    text = _BEARER.sub(rf"\g<scheme> {REDACTED}", text)
    return _ASSIGNED.sub(rf"\g<name>{REDACTED}", text)


def _secrets_of_settings() -> Iterable[str]:
    environ: Mapping[str, str] = {}
    with suppress(PikkitError):
        environ = environment_over_dotenv()
    for name, value in environ.items():
        if _SECRET_NAME.search(name):
            yield value.strip()
        elif _URL_NAME.search(name):
            yield from _passwords(value)
    # Those of embedded servers stand in their home.
    with suppress(PikkitError, OSError):
        connections = resolve(environ)
        yield connections.postgres.password
        yield connections.redis.password or ""


def _passwords(urls: str) -> Iterable[str]:
    for url in re.split(r"[\s,]+", urls):
        with suppress(ValueError):
            yield urlsplit(url).password or ""
