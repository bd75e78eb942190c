"""Secrets taken out of texts that are kept, sent or printed: errors of a run, warnings, lineage events, tracebacks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

from feature_repo.errors import PikkitError
from feature_repo.servers.environment import environment_over_dotenv, resolve

REDACTED: Final = "***"
# Settings whose value is secret as a whole, and those that are a URL with a password in it.
_SECRET_NAME: Final = re.compile(r"(PASSWORD|_KEY|APIKEY|TOKEN|SECRET)$|^PGPASSWORD$")
_URL_NAME: Final = re.compile(r"(URL|CONNECTION)$")
# Channels, whose tokens stand anywhere in their addresses.
_CHANNELS_NAME: Final = re.compile(r"URLS$")
_SHORTEST_TOKEN: Final = 8
_HOST: Final = re.compile(r"(localhost|[\w-]+(\.[\w-]+)+)(:\d+)?")
# What is shorter stands in too many words; a URL or `password=` that holds it is found by its form.
_SHORTEST: Final = 4
# Where a password is before the `@`, it may hold what a URL would have percent-encoded; a path that went through
# pathlib has lost a slash. A password that is masked already keeps its user.
_USERINFO: Final = re.compile(
    r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*:(?:/(?=[^\s/?#'\"]*:)|//))(?![^\s/?#'\"]*:\*{3,4}@)"
    r"(?:[^\s/?#'\"]*:[^\s'\"]*|[^\s/?#'\"]*)@"
)
# A setting that a message names in capitals, as in "SUPABASE_KEY: not set", is followed by what is wrong with it.
_ASSIGNED: Final = re.compile(
    r"(?P<name>(?!(?-i:[A-Z_]+): )"
    r"(?:password|passwd|passphrase|pwd|token|secret|authorization"
    r"|(?:api|access|private|service|anon|role|auth|supabase)[_-]?key)"
    r"(?:'|\"|\\\")?\s*(?:=>|[=:])\s*)(?!(?:Bearer|Basic)\b)"
    r"(?P<value>\\+(?P<quote>['\"])(?:(?!\\+(?P=quote)).)*\\+(?P=quote)"
    r"|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s,;&'\"]+)",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(r"\b(?P<scheme>Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+")
# Tokens that say by themselves what they are: of JWT, of Supabase, of a Telegram bot.
_TOKENS: Final = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*|\bsb_(?:secret|publishable)_\w+|(?<!\d)\d{8,10}:[\w-]{35}\b")
# As passwords these are no secrets, and taken out they would leave no sentence and no command whole.
_PUBLIC_WORDS: Final = frozenset({"pikkit", "feast", "postgres", "redis", "supabase", "password"})


def redacted(text: str, *secrets: str) -> str:
    """The text without secrets: the values of secret settings and these, as they are, percent-encoded and in quotes;
    user and password of any URL; what follows `password=`.

    >>> redacted("no answer from postgresql://me:pw@db.example/bets")
    'no answer from postgresql://***@db.example/bets'
    >>> redacted("connection to host=db password='a b' failed")
    'connection to host=db password=*** failed'
    """
    known = {*_secrets_of_settings(), *secrets} - _PUBLIC_WORDS
    spellings = {spelling for secret in known if len(secret) >= _SHORTEST for spelling in _spellings(secret)}
    for spelling in sorted(spellings, key=len, reverse=True):
        if len(spelling) >= _SHORTEST:
            text = text.replace(spelling, REDACTED)
    text = _USERINFO.sub(rf"\g<scheme>{REDACTED}@", text)
    text = _BEARER.sub(rf"\g<scheme> {REDACTED}", text)
    text = _TOKENS.sub(REDACTED, text)
    return _ASSIGNED.sub(rf"\g<name>{REDACTED}", text)


def _spellings(secret: str) -> Iterator[str]:
    """How the secret may stand in a text: in a URL, in JSON, in Python's quotes, in those of a connection string."""
    plain = unquote(secret)
    for text in {secret, plain}:
        yield from (text, repr(text)[1:-1], json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
        yield text.replace("\\", "\\\\").replace("'", "\\'")
    for encoded in (quote(plain, safe=""), quote(plain), quote_plus(plain), quote(plain, safe=" +")):
        yield encoded
        yield re.sub("%..", lambda octet: octet[0].lower(), encoded)


def _secrets_of_settings() -> Iterable[str]:
    environ: Mapping[str, str] = {}
    with suppress(PikkitError):
        environ = environment_over_dotenv()
    for name, value in environ.items():
        if _SECRET_NAME.search(name):
            yield value.strip()
        elif _URL_NAME.search(name):
            yield from _passwords(value)
        elif _CHANNELS_NAME.search(name):
            yield from _tokens(value)
    # Those of embedded servers stand in their home.
    with suppress(PikkitError, OSError):
        connections = resolve(environ)
        yield connections.postgres.password
        yield connections.redis.password or ""


def _passwords(url: str) -> Iterator[str]:
    """Of a URL, its query included, or of a connection string such as `host=db password=...`."""
    with suppress(ValueError):
        yield urlsplit(url.strip()).password or ""
    for assigned in _ASSIGNED.finditer(url):
        value = assigned["value"]
        yield re.sub(r"\\(.)", r"\1", value[1:-1]) if value[0] in "'\"" else value


def _tokens(urls: str) -> Iterator[str]:
    """Whatever may be a token in addresses of channels: all of their parts but scheme, hosts and what is short."""
    for url in re.split(r"[\s,]+", urls):
        for part in re.split(r"[/?&=@]+", url.partition("://")[2]):
            if len(part) >= _SHORTEST_TOKEN and not _HOST.fullmatch(part):
                yield part
