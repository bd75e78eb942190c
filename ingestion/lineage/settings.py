"""Where lineage events go beside ops.lineage_events, as the environment says; in the names that OpenLineage uses.

| variable | default | meaning |
|---|---|---|
| `OPENLINEAGE_URL` | none | a server that takes OpenLineage events, such as Marquez or `feast ui` |
| `OPENLINEAGE_ENDPOINT` | `api/v1/lineage` | where on that server |
| `OPENLINEAGE_API_KEY` | none | what it knows us by |
| `OPENLINEAGE_NAMESPACE` | `pikkit` | the namespace of our jobs (feature_repo/lineage/events.py) |
| `OPENLINEAGE_DISABLED` | | `true` sends nothing |
| `PIKKIT_LINEAGE_FILE` | none | a file to which every event is appended, one a line |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

LINEAGE_VARIABLES: Final = (
    "OPENLINEAGE_URL",
    "OPENLINEAGE_ENDPOINT",
    "OPENLINEAGE_API_KEY",
    "OPENLINEAGE_NAMESPACE",
    "OPENLINEAGE_DISABLED",
    "PIKKIT_LINEAGE_FILE",
)
# Values that may be or hold a secret. `pikkit doctor` masks them.
SECRET_LINEAGE_VARIABLES: Final = ("OPENLINEAGE_API_KEY", "OPENLINEAGE_URL")
_ENDPOINT: Final = "api/v1/lineage"


@dataclass(frozen=True)
class LineageServer:
    """A server that takes events over HTTP. `api_key` is empty where it asks for none."""

    url: str = field(repr=False)
    endpoint: str
    api_key: str = field(repr=False)

    @property
    def address(self) -> str:
        """Where events go, without user and password.

        >>> LineageServer("https://me:secret@lineage.example:5000/", "api/v1/lineage", "").address
        'https://lineage.example:5000/api/v1/lineage'
        """
        parts = urlsplit(self.url)
        place = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
        return f"{place.rstrip('/')}/{self.endpoint.lstrip('/')}"


@dataclass(frozen=True)
class LineageSettings:
    """Where events are sent to; nowhere where both are null."""

    server: LineageServer | None
    file: Path | None

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> LineageSettings:
        """Read them from an environment in which `lineage_setting_problems` finds none."""

        def value(name: str) -> str:
            return environ.get(name, "").strip()

        if value("OPENLINEAGE_DISABLED").lower() == "true":
            return cls(None, None)
        server = LineageServer(
            value("OPENLINEAGE_URL"), value("OPENLINEAGE_ENDPOINT") or _ENDPOINT, value("OPENLINEAGE_API_KEY")
        )
        file = value("PIKKIT_LINEAGE_FILE")
        return cls(server if server.url else None, Path(file) if file else None)


def lineage_setting_problems(environ: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each of these settings, by name. Shows no value: a URL may have a password in it."""
    url = environ.get("OPENLINEAGE_URL", "").strip()
    return {} if not url or _is_web_address(url) else {"OPENLINEAGE_URL": "not an address such as http://host:5000"}


def _is_web_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        return address.scheme in ("http", "https") and bool(address.hostname) and (address.port or 1) > 0
    except ValueError:
        return False
