"""Every setting, read once from the environment and `.env`, checked, and frozen.

| variable | default | meaning |
|---|---|---|
| `PIKKIT_HOME` | `.pikkit` | where the embedded servers keep their data |
| `PIKKIT_NOW` | the time | stops the clock at this instant (ISO 8601) |
| `PIKKIT_GATES` | | a TOML file whose thresholds replace those of quality/gates.toml |
| `PIKKIT_REPORT` | | a file that gets the report (`pikkit report`) after each run |
| `KNOWN_AT_COLUMN` | `updated_at` | what a first load takes a version's knowledge time from; or `settled_at` |
| `POSTGRES_HOST` `_PORT` `_DATABASE` `_USER` `_PASSWORD` `_SSLMODE` `REDIS_URL` | embedded servers | the stores |

Those of the sources: ingestion/sources/settings.py; of lineage: ingestion/lineage/settings.py; of alerts and metrics:
ingestion/monitoring/settings.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from feature_repo.clock import parse_instant
from feature_repo.errors import ConfigurationError, SettingsUnusable, Unreachable
from feature_repo.servers import environment
from feature_repo.servers.connections import Connections
from feature_repo.servers.embedded_servers import embedded_at, recorded
from ingestion.lineage.settings import LineageSettings, lineage_setting_problems
from ingestion.monitoring.settings import MonitoringSettings, monitoring_setting_problems
from ingestion.sources import settings as sources
from ingestion.sources.settings import SourceSettings

if TYPE_CHECKING:
    from quality.gates import Gates

KnownAtColumn = Literal["updated_at", "settled_at"]
_KNOWN_AT_COLUMNS = ("updated_at", "settled_at")
_POSTGRES = tuple(name for name in environment.REQUIRED if name.startswith("POSTGRES_"))
_OF_ANOTHER_HOME = "the server of another PIKKIT_HOME, set by that one's `pikkit env`; unset POSTGRES_*"


@dataclass(frozen=True)
class Settings:
    """What the environment says. No secret is in its repr."""

    # The directory of the embedded servers, absolute.
    home: Path
    # Where PIKKIT_NOW stops the clock.
    now: datetime | None
    # The column of a bet that a first load takes the time of knowledge from.
    known_at_column: KnownAtColumn
    # The TOML file of PIKKIT_GATES.
    gates_file: Path | None
    # The file of PIKKIT_REPORT.
    report: Path | None
    # The stores that are named; None when the embedded ones are meant.
    external: Connections | None
    sources: SourceSettings
    # Where lineage events are sent.
    lineage: LineageSettings
    monitoring: MonitoringSettings = field(default_factory=MonitoringSettings)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings, by default from the environment over `.env`. Raises SettingsUnusable with all problems."""
        environ = environment.environment_over_dotenv() if environ is None else environ
        if problems := setting_problems(environ):
            raise _unusable(problems)
        known_at_column = cast(KnownAtColumn, _known_at_column(environ))
        return cls(
            environment.home(environ),
            _now(environ),
            known_at_column,
            gates_file(environ),
            _path(environ, "PIKKIT_REPORT"),
            environment.external(environ),
            SourceSettings.load(environ),
            LineageSettings.load(environ),
            MonitoringSettings.load(environ),
        )

    def gates(self) -> Gates:
        """What a refresh must keep to: the default gates, with what PIKKIT_GATES sets otherwise.

        Raises ConfigurationError. The file is read here and not with the other settings: that imports `quality`, which
        few commands need.
        """
        from ingestion.gates.config_file import gates_of

        return gates_of(self.gates_file)

    def connections(self) -> Connections:
        """Where the stores are. Raises Unreachable when they are the embedded ones and cannot be used, HomeUnsafe."""
        if self.external is not None:
            return self.external
        if recorded(self.home) is None:
            raise Unreachable(*no_store(self.home), service="embedded servers")
        return embedded_at(self.home)


def no_store(home: Path) -> tuple[str, str, str]:
    """The three parts of the error for a home in which no store was ever made."""
    return f"There is no store under {home}", "Nothing was done", "Make one with `pikkit run` or `pikkit demo`"


def setting_problems(environ: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each setting, by name. Shows no value that may be a secret."""
    problems: dict[str, str] = {}
    try:
        environment.external(environ)
    except SettingsUnusable as error:
        problems |= {"POSTGRES_HOST": _OF_ANOTHER_HOME} if _is_of_another_home(environ, error) else error.problems
    try:
        _now(environ)
    except ConfigurationError as error:
        problems["PIKKIT_NOW"] = f"{error.what}. {error.next_step}"
    if _known_at_column(environ) not in _KNOWN_AT_COLUMNS:
        problems["KNOWN_AT_COLUMN"] = f"one of {', '.join(_KNOWN_AT_COLUMNS)}"
    return (
        problems
        | sources.source_setting_problems(environ)
        | lineage_setting_problems(environ)
        | monitoring_setting_problems(environ)
    )


def _is_of_another_home(environ: Mapping[str, str], error: SettingsUnusable) -> bool:
    """Whether `pikkit env` of another home was evaluated here. It exports everything but REDIS_URL."""
    exports = "FEAST_REDIS_CONNECTION" in environ and environ.get("POSTGRES_HOST", "").startswith("/")
    return exports and error.problems.keys() == {"REDIS_URL"} and not environ.get("REDIS_URL", "").strip()


def _unusable(problems: Mapping[str, str]) -> ConfigurationError:
    if problems.keys() == {"POSTGRES_HOST"} and problems["POSTGRES_HOST"] == _OF_ANOTHER_HOME:
        return ConfigurationError(
            "The POSTGRES_* of this shell are the exports of another PIKKIT_HOME's `pikkit env`",
            "Nothing was done",
            f"Take them back: unset {' '.join((*_POSTGRES, *environment.OPTIONAL_VARIABLES))}",
        )
    return environment.settings_unusable(problems)


def _now(environ: Mapping[str, str]) -> datetime | None:
    text = environ.get("PIKKIT_NOW", "").strip()
    return parse_instant(text) if text else None


def gates_file(environ: Mapping[str, str]) -> Path | None:
    """The file that PIKKIT_GATES names; none where it is not set."""
    return _path(environ, "PIKKIT_GATES")


def _path(environ: Mapping[str, str], variable: str) -> Path | None:
    text = environ.get(variable, "").strip()
    return Path(text) if text else None


def _known_at_column(environ: Mapping[str, str]) -> str:
    return environ.get("KNOWN_AT_COLUMN", "").strip() or _KNOWN_AT_COLUMNS[0]
