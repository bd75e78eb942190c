"""Metrics as Prometheus reads them: text, a file for node_exporter, a push. The endpoint: scrape_server.py."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from ingestion.monitoring.catalogue import METRICS, Metric
from ingestion.monitoring.measurements import Sample

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

# Seconds that a push may take.
PUSH_PATIENCE: Final = 2.0


def exposition(samples: Sequence[Sample]) -> str:
    """The samples in Prometheus' text format, in the order of the catalogue, each metric with its help and type."""
    from prometheus_client import generate_latest

    return generate_latest(registry_of(lambda: samples)).decode()


def write_exposition(path: Path, samples: Sequence[Sample]) -> None:
    """Write the text to a file that node_exporter's textfile collector reads: at once whole, or not at all.

    Others may read it, as node_exporter runs as a user of its own. Raises OSError.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    written = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(exposition(samples))
        written.chmod(0o644)
        written.replace(path)
    except BaseException:
        written.unlink(missing_ok=True)
        raise


def push(gateway: str, samples: Sequence[Sample]) -> None:
    """Replace what a Pushgateway has of the job `pikkit`. Raises OSError, also when it takes long.

    User and password may stand in the address.
    """
    from prometheus_client import push_to_gateway
    from prometheus_client.exposition import basic_auth_handler, default_handler

    parts = urlsplit(gateway)
    address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    handler = default_handler
    if parts.username:
        handler = partial(basic_auth_handler, username=unquote(parts.username), password=unquote(parts.password or ""))

    push_to_gateway(
        address, job="pikkit", registry=registry_of(lambda: samples), timeout=PUSH_PATIENCE, handler=handler
    )


def registry_of(measured: Callable[[], Sequence[Sample]]) -> CollectorRegistry:
    """The metrics as Prometheus' client prints them, measured at each scrape."""
    from prometheus_client import CollectorRegistry

    class Measured:
        """Prometheus' collector: asked at each scrape."""

        def describe(self) -> Iterable[Any]:
            return ()

        def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
            samples = measured()
            for metric in METRICS:
                if any(sample.name == metric.name for sample in samples):
                    yield _family(metric, samples)

    registry = CollectorRegistry()
    registry.register(Measured())
    return registry


def _family(metric: Metric, samples: Sequence[Sample]) -> CounterMetricFamily | GaugeMetricFamily:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.meaning, labels=metric.labels)
    for sample in samples:
        if sample.name == metric.name:
            family.add_metric([sample.labels[label] for label in metric.labels], sample.value)
    return family
