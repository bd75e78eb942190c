"""Metrics as Prometheus reads them: text, a file for node_exporter, an HTTP endpoint, a push."""

from __future__ import annotations

import os
import tempfile
import threading
import time
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

# Seconds for which the endpoint answers with what it measured last, however many ask.
SCRAPE_INTERVAL: Final = 10.0
# Seconds that a push may take.
PUSH_PATIENCE: Final = 2.0


def exposition(samples: Sequence[Sample]) -> str:
    """The samples in Prometheus' text format, in the order of the catalogue, each metric with its help and type."""
    from prometheus_client import generate_latest

    return generate_latest(_registry(lambda: samples)).decode()


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

    push_to_gateway(address, job="pikkit", registry=_registry(lambda: samples), timeout=PUSH_PATIENCE, handler=handler)


def serve(host: str, port: int, measured: Callable[[], Sequence[Sample]]) -> tuple[int, threading.Thread]:
    """Answer scrapes at this address by a thread of our own. Returns the port, and the thread.

    Port 0 takes a free one. Raises OSError when the port is taken.
    """
    from prometheus_client import start_http_server

    server, thread = start_http_server(port, host, _registry(_remembered(measured)))
    return server.server_port, thread


def _remembered(measured: Callable[[], Sequence[Sample]]) -> Callable[[], Sequence[Sample]]:
    """The same, measured at most once in SCRAPE_INTERVAL seconds."""
    lock, measured_at, samples = threading.Lock(), float("-inf"), list[Sample]()

    def newest() -> Sequence[Sample]:
        nonlocal measured_at, samples
        with lock:
            if time.monotonic() - measured_at > SCRAPE_INTERVAL:
                samples, measured_at = list(measured()), time.monotonic()
            return samples

    return newest


def _registry(measured: Callable[[], Sequence[Sample]]) -> CollectorRegistry:
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
