"""Checks of the settings and of this machine: variables and their origin, packages, home, feature_store.yaml."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from feature_repo import REPOSITORY
from feature_repo.errors import HomeUnsafe, SourceDenied
from feature_repo.served_vectors.settings import SERVED_VECTORS_VARIABLES
from feature_repo.servers.connections import Connections
from feature_repo.servers.environment import OPTIONAL_VARIABLES, REQUIRED, feast_environment, home
from feature_repo.servers.private_files import refuse_unsafe_home
from ingestion.doctor.check import UNREACHABLE, Check, fail, ok, warn
from ingestion.gates.config_file import problems_of
from ingestion.lineage.settings import LINEAGE_VARIABLES, SECRET_LINEAGE_VARIABLES
from ingestion.monitoring.channels import alert_channels
from ingestion.monitoring.settings import MONITORING_VARIABLES
from ingestion.settings import gates_file, setting_problems
from ingestion.sources import settings as sources
from ingestion.sources.postgres.postgres_table import stream_name
from ingestion.sources.settings import SECRETS, SourcePostgres

DISTRIBUTION: Final = "pikkit-feature-store"
_MAY_BE_EMPTY: Final = "POSTGRES_PASSWORD"
_ADDRESSES: Final = ("REDIS_URL", "SUPABASE_URL", "SOURCE_POSTGRES_URL", "OPENLINEAGE_URL", "PUSHGATEWAY_URL")
_CHANNELS: Final = "ALERT_URLS"
_MASKED: Final = tuple(name for name in (_MAY_BE_EMPTY, *SECRETS, *SECRET_LINEAGE_VARIABLES) if name not in _ADDRESSES)
_DEFAULTS: Final = {"PIKKIT_HOME": ".pikkit", "KNOWN_AT_COLUMN": "updated_at", **OPTIONAL_VARIABLES} | {
    name: default for name, default in sources.DEFAULTS.items() if default
}
SETTINGS: Final = (
    "PIKKIT_HOME",
    "PIKKIT_NOW",
    "PIKKIT_GATES",
    "KNOWN_AT_COLUMN",
    *REQUIRED,
    *OPTIONAL_VARIABLES,
    *sources.DEFAULTS,
    *LINEAGE_VARIABLES,
    *MONITORING_VARIABLES,
    *SERVED_VECTORS_VARIABLES,
)

# A million bets take about 2.5 GB, and their first load up to 4 GB more in PostgreSQL's log. Below the lower limit
# PostgreSQL may not even start.
_COMFORTABLE: Final = 8 * 10**9
_TOO_LITTLE: Final = 5 * 10**8

_CHARACTERS: Final = (
    "Look for quotes, line breaks and control characters in the values, and for changes made to the file"
)


def check_settings(environ: Mapping[str, str]) -> Iterator[Check]:
    """Yield a check of each setting. Secrets are masked; a wrong value is not printed, because it may be a secret."""
    wrong = setting_problems(environ)
    if (file := gates_file(environ)) and (unusable := problems_of(file)):
        wrong["PIKKIT_GATES"] = "; ".join(unusable)
    channels = environ.get(_CHANNELS, "").strip()
    if _CHANNELS not in wrong and (places := alert_channels(channels)[1]):
        wrong[_CHANNELS] = f"Apprise cannot use address {', '.join(map(str, places))} of it"
    for name in SETTINGS:
        if name in wrong:
            yield fail(name, wrong[name], "Set it in the environment or in .env")
        elif name == "PIKKIT_NOW" and environ.get(name, "").strip():
            yield warn(name, f"the clock stands at {environ[name]} {_origin(name)}", "Unset it to let the clock run")
        else:
            yield ok(name, _displayed(name, environ))


def check_packages() -> Check:
    """Whether the installed packages are those that this version requires."""
    unfit = []
    for requirement in map(Requirement, requires(DISTRIBUTION) or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            try:
                installed = version(requirement.name)
            except PackageNotFoundError:
                installed = "missing"
            if installed == "missing" or not requirement.specifier.contains(installed, prereleases=True):
                unfit.append(f"{requirement.name}{requirement.specifier} is needed, found {installed}")
    if unfit:
        return fail("packages", "; ".join(unfit), "Run `make setup`")
    names = ("feast", "polars", "psycopg", "redis")
    versions = ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)])
    return ok("packages", f"{DISTRIBUTION} {version(DISTRIBUTION)}, {versions}")


def check_home(environ: Mapping[str, str]) -> Iterator[Check]:
    """Whether the home is ours alone, and the embedded servers can write there, and for how long."""
    place = directory = home(environ)
    try:
        refuse_unsafe_home(directory)
    except HomeUnsafe as error:
        yield fail("home", error.what, error.next_step)
        return
    while not place.exists():
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        yield fail("home", f"{directory} cannot be written to", "Set PIKKIT_HOME to a directory that you may write to")
        return
    yield ok("home", f"{directory} can be written to")
    free = shutil.disk_usage(place).free
    finding = f"{free / 10**9:,.1f} GB free under {directory}"
    if free < _TOO_LITTLE:
        yield fail("disk", finding, "Free some space, or move PIKKIT_HOME", UNREACHABLE)
    elif free < _COMFORTABLE:
        yield warn("disk", finding, "A first load of a million bets needs 8 GB")
    else:
        yield ok("disk", finding)


def check_feature_store_yaml(connections: Connections, path: Path = REPOSITORY / "feature_store.yaml") -> Check:
    """Whether every value that Feast reads from feature_store.yaml is still the one that was set.

    Feast replaces the variables in the file's text and reads the result as YAML, so a line break in a password ends it.
    """
    import yaml  # type: ignore[import-untyped]

    name, expected = "feature_store.yaml", feast_environment(connections)
    try:
        with _environment(expected):
            read = yaml.safe_load(os.path.expandvars(path.read_text(encoding="utf-8")))
        offline = read["offline_store"]
        arrived = {
            "FEAST_REGISTRY_URL": read["registry"]["path"],
            "POSTGRES_HOST": offline["host"],
            "POSTGRES_PORT": str(offline["port"]),
            "POSTGRES_DATABASE": offline["database"],
            "POSTGRES_USER": offline["user"],
            "POSTGRES_PASSWORD": offline["password"],
            "POSTGRES_SSLMODE": offline["sslmode"],
            "FEAST_REDIS_CONNECTION": read["online_store"]["connection_string"],
        }
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        return fail(name, f"Feast cannot read it with these settings ({type(error).__name__})", _CHARACTERS)
    if bent := [variable for variable, value in arrived.items() if value != expected[variable]]:
        return fail(name, f"Feast reads another value than was set for {', '.join(bent)}", _CHARACTERS)
    return ok(name, "Feast reads every value as it was set")


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _displayed(name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name, "")
    if not value.strip() and not (name == _MAY_BE_EMPTY and name in environ):
        return f"{_DEFAULTS[name]} (default)" if name in _DEFAULTS else "not set"
    if name in _MASKED:
        value = "***" if value else "(empty)"
    elif name == _CHANNELS:
        value = ", ".join(channel.masked for channel in alert_channels(value)[0])
    elif name == "SOURCE_POSTGRES_URL":
        value = _server(value.strip())
    elif name in _ADDRESSES:
        value = _without_password(value.strip())
    return f"{value} {_origin(name)}"


def _origin(name: str) -> str:
    return "(environment)" if name in os.environ else "(.env)"


def _without_password(url: str) -> str:
    """A URL without user, password and options, each of which may be a secret."""
    scheme, _, rest = url.partition("://")
    _, at, address = rest.partition("?")[0].rpartition("@")
    return f"{scheme}://{'***@' if at else ''}{address}"


def _server(conninfo: str) -> str:
    """Host, port and database of a Postgres address in either of its spellings."""
    try:
        return stream_name(SourcePostgres(conninfo, "", "")).rpartition("/")[0]
    except SourceDenied:
        return "***"
