"""Who is told of the store, as the environment says.

| variable | default | meaning |
|---|---|---|
| `ALERT_URLS` | none | channels for alerts, as Apprise writes them, with commas or spaces between them |
| `PIKKIT_METRICS_FILE` | none | a `.prom` file for node_exporter's textfile collector, written after each run |
| `PUSHGATEWAY_URL` | none | a Prometheus Pushgateway, pushed to after each run |

Those of served vectors: feature_repo/served_vectors/settings.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from feature_repo.served_vectors.settings import served_vector_problems, served_vectors_kept
from ingestion.sources.settings import is_web_address

MONITORING_VARIABLES: Final = ("ALERT_URLS", "PIKKIT_METRICS_FILE", "PUSHGATEWAY_URL")
# node_exporter reads no other.
_SUFFIX: Final = ".prom"


@dataclass(frozen=True)
class MonitoringSettings:
    """Who is told of the store."""

    #: All channels for alerts, as one text of Apprise's; empty for none. It holds secrets.
    alert_urls: str = field(repr=False, default="")
    #: The file for the textfile collector.
    metrics_file: Path | None = None
    #: The address of a Pushgateway, which may hold a password.
    pushgateway: str | None = field(repr=False, default=None)
    #: For how long served vectors stay in ops.served_vectors.
    served_vectors_kept: timedelta = timedelta(days=30)

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> MonitoringSettings:
        """Read them from an environment in which `monitoring_setting_problems` finds none."""
        alerts, file, gateway = (environ.get(name, "").strip() for name in MONITORING_VARIABLES)
        return cls(alerts, Path(file).expanduser() if file else None, gateway or None, served_vectors_kept(environ))


def monitoring_setting_problems(environ: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each of these settings, by name. Shows no value: it may be a secret in the wrong place."""
    alerts, file, gateway = (environ.get(name, "").strip() for name in MONITORING_VARIABLES)
    wrong = served_vector_problems(environ)
    if alerts and not re.match(r"[A-Za-z0-9]+://\S", alerts):
        wrong["ALERT_URLS"] = "not addresses as Apprise writes them, such as tgram://<token>/<chat>"
    if file and (not file.endswith(_SUFFIX) or not Path(file).expanduser().parent.is_dir()):
        wrong["PIKKIT_METRICS_FILE"] = f"not a file that ends with {_SUFFIX}, in a directory that is there"
    if gateway and not is_web_address(gateway):
        wrong["PUSHGATEWAY_URL"] = "not an address such as http://127.0.0.1:9091"
    return wrong
