"""Which stores the environment means: external ones that are named in it, or the embedded ones of a home.

External   POSTGRES_HOST, POSTGRES_DATABASE, POSTGRES_USER, POSTGRES_PASSWORD and REDIS_URL are set
           (POSTGRES_PORT and POSTGRES_SSLMODE may be)
Embedded   none of them is set: the private servers under PIKKIT_HOME (default `.pikkit`), which `pikkit up` starts

`pikkit env` exports the embedded servers' POSTGRES_HOST too, for Feast's sake. It is known by its socket directory,
so that a shell which has those exports still means the embedded servers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from feature_repo.errors import SettingsUnusable
from feature_repo.servers.connections import Connections, Postgres, Redis
from feature_repo.servers.embedded_servers import embedded_at, socket_directory

REQUIRED = ("POSTGRES_HOST", "POSTGRES_DATABASE", "POSTGRES_USER", "POSTGRES_PASSWORD", "REDIS_URL")
OPTIONAL_VARIABLES = {"POSTGRES_PORT": "5432", "POSTGRES_SSLMODE": "prefer"}
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def resolve(environ: Mapping[str, str]) -> Connections:
    """The stores that this environment means. Raises what `external` and `embedded_at` raise."""
    return external(environ) or embedded_at(home(environ))


def external(environ: Mapping[str, str]) -> Connections | None:
    """The stores that the settings name, or None when they name none, which means the embedded servers.

    Raises SettingsUnusable, which has every problem at once.
    """
    stated = {name: environ[name].strip() for name in (*REQUIRED, *OPTIONAL_VARIABLES) if environ.get(name, "").strip()}
    if not stated or stated.get("POSTGRES_HOST") == str(socket_directory(home(environ))):
        return None
    if "POSTGRES_PASSWORD" in environ:  # verbatim; and empty is a password too, for a server that asks for none
        stated["POSTGRES_PASSWORD"] = environ["POSTGRES_PASSWORD"]
    settings = OPTIONAL_VARIABLES | stated
    if problems := _problems(settings):
        raise settings_unusable(problems)
    postgres = Postgres(
        host=settings["POSTGRES_HOST"],
        port=int(settings["POSTGRES_PORT"]),
        database=settings["POSTGRES_DATABASE"],
        user=settings["POSTGRES_USER"],
        password=settings["POSTGRES_PASSWORD"],
        sslmode=settings["POSTGRES_SSLMODE"],
    )
    return Connections(postgres=postgres, redis=Redis(settings["REDIS_URL"]), embedded=False)


def home(environ: Mapping[str, str]) -> Path:
    """The directory of everything that the embedded servers keep, absolute."""
    path = environ.get("PIKKIT_HOME", "").strip() or ".pikkit"
    return Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111 (resolve would follow links)


def environment_over_dotenv() -> dict[str, str]:
    """The environment over the `.env` of the working directory. A `.env` is read as it stands: a `$` is a dollar.

    Raises SettingsUnusable for a `.env` that is not UTF-8.
    """
    return _dotenv() | dict(os.environ)


def variable_over_dotenv(name: str) -> str:
    """One variable of `environment_over_dotenv`, empty where neither has it. Raises as that does."""
    value = os.environ.get(name)
    return _dotenv().get(name, "") if value is None else value


def feast_environment(connections: Connections) -> dict[str, str]:
    """Every variable that `feature_store.yaml` names, with its value."""
    postgres = connections.postgres
    return {
        "POSTGRES_HOST": postgres.host,
        "POSTGRES_PORT": str(postgres.port),
        "POSTGRES_DATABASE": postgres.database,
        "POSTGRES_USER": postgres.user,
        "POSTGRES_PASSWORD": postgres.password,
        "POSTGRES_SSLMODE": postgres.sslmode,
        "FEAST_REGISTRY_URL": postgres.sqlalchemy_url,
        "FEAST_REDIS_CONNECTION": connections.redis.feast_connection_string,
        "FEAST_USAGE": "False",
    }


def settings_unusable(problems: Mapping[str, str]) -> SettingsUnusable:
    """The error for settings with these problems, each by the name of its setting. They must show no secret."""
    return SettingsUnusable(
        "The settings are not usable:" + "".join(f"\n  - {name}: {why}" for name, why in problems.items()) + "\n",
        "Nothing was done",
        "Set them in the environment or in .env; with no POSTGRES_* and no REDIS_URL the stores are embedded",
        problems=problems,
    )


def _dotenv() -> dict[str, str]:
    try:
        written = dotenv_values(".env", interpolate=False)
    except UnicodeDecodeError as error:
        raise settings_unusable({".env": f"not UTF-8 at byte {error.start}"}) from None
    return {name: value for name, value in written.items() if value is not None}


def _problems(settings: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each setting. Never shows a value: it may be a secret in the wrong place."""
    problems = dict.fromkeys((name for name in REQUIRED if name not in settings), "not set")
    if not _is_port(settings["POSTGRES_PORT"]):
        problems["POSTGRES_PORT"] = "a port is a number from 1 to 65535"
    if settings["POSTGRES_SSLMODE"] not in SSL_MODES:
        problems["POSTGRES_SSLMODE"] = f"one of {', '.join(SSL_MODES)}"
    if "REDIS_URL" in settings and not _is_redis_url(settings["REDIS_URL"]):
        # Feast splits its connection string at colons, so it cannot take an IPv6 address.
        problems["REDIS_URL"] = "write redis://[user:password@]host[:port][/number], rediss:// for TLS; no IPv6 address"
    return problems


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536


def _is_redis_url(url: str) -> bool:
    try:
        scheme, host, redis = urlsplit(url).scheme, urlsplit(url).hostname, Redis(url)
        return (
            scheme in ("redis", "rediss")
            and bool(host)
            and ":" not in redis.host
            and min(redis.port, redis.number) >= 0
        )
    except ValueError:
        return False
