"""The verb metrics: what Prometheus is told of the store."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json, Now
from ingestion.cli.output import print_line, say, say_warning
from ingestion.cli.stores import begin, standing_stores

if TYPE_CHECKING:
    from feature_repo.servers.connections import Connections

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def metrics(
    serve: Annotated[
        str | None,
        typer.Option(
            "--serve", metavar="[HOST:]PORT", help="Answer scrapes there until Ctrl-C or SIGTERM; by default local."
        ),
    ] = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Print the store's metrics as Prometheus reads them.

    What each run measured stands in ops.metrics. PIKKIT_METRICS_FILE and PUSHGATEWAY_URL tell of each run as it ends
    (docs/monitoring.md). Starts nothing and changes nothing. Whether the stores answer is a metric, and no error.
    """
    from functools import partial

    from ingestion.monitoring.measurements import measure
    from ingestion.runs.status import status_by_clock

    connections = standing_stores(begin(now))
    if serve is not None:
        _serve(connections, serve)
        return
    samples = measure(connections, partial(status_by_clock, connections))
    if json:
        from dataclasses import asdict

        print_json({"metrics": [asdict(sample) | {"value": float(sample.value)} for sample in samples]})
        return
    from ingestion.monitoring.exposition import exposition

    print_line(exposition(samples).rstrip("\n"))


def _serve(connections: Connections, address: str) -> None:
    from functools import partial

    from feature_repo.errors import ConfigurationError
    from ingestion.monitoring.measurements import measure
    from ingestion.monitoring.scrape_server import ScrapeServer
    from ingestion.runs.status import status_by_clock

    host, port = _host_and_port(address)
    try:
        server = ScrapeServer(host, port, lambda: measure(connections, partial(status_by_clock, connections)))
    except OSError as error:
        raise ConfigurationError(
            f"Nothing can be served at {host}:{port} ({error.strerror})", "Nothing was done", "Choose another port"
        ) from error
    with _stop_signals() as stopped:
        server.start()
        if host not in _LOOPBACK:
            say_warning(f"Whoever reaches {host} may read the metrics: there is no login.")
        say(f"Metrics are served at {server.url}. Ctrl-C or SIGTERM ends it.")
        stopped.wait()
        server.stop()
    say("No metrics are served any more.")


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set inside, in place of what they do elsewhere."""
    stopped = threading.Event()
    before = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise typer.BadParameter("write PORT or HOST:PORT, such as 9464", param_hint="--serve")
    return host.strip("[]") or "127.0.0.1", int(port)
