"""What is told of a run once it has ended: after its commit and its lock, bounded, and never at its cost.

measure ── ops.metrics ── the alert on silence ── messages ── file ── push
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import psycopg

from feature_repo.errors import PikkitError
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect, statement
from ingestion.monitoring.kept_metrics import UnmeasuredRun, keep_metrics, unmeasured_run
from ingestion.monitoring.measurements import Sample, measure
from ingestion.monitoring.settings import MonitoringSettings
from ingestion.monitoring.silence import record_silence
from ingestion.runs.status import StoreStatus, status_by_clock

Warn = Callable[[str], None]


@contextmanager
def observed_run(
    connections: Connections, settings: MonitoringSettings, warn: Warn, look: Callable[[], StoreStatus] | None = None
) -> Iterator[None]:
    """Whatever run begins inside is told of when it has ended, well or not; a command that began none tells nothing.

    `look` sees the store after the run, as of the clock; without it that is done here. What goes wrong here is a
    warning. An interrupted command tells nothing; the next run does.
    """
    try:
        yield
    except Exception:
        _tell(connections, settings, warn, look or partial(status_by_clock, connections))
        raise
    _tell(connections, settings, warn, look or partial(status_by_clock, connections))


def _tell(connections: Connections, settings: MonitoringSettings, warn: Warn, look: Callable[[], StoreStatus]) -> None:
    samples: list[Sample] = []
    try:
        with connect(connections.postgres, purpose="monitoring", autocommit=True) as connection:
            run = unmeasured_run(connection)
            if run is None:
                return
            record_silence(connection, run.run_id, run.now)
            _send_alerts(connection, settings, run, warn)
            samples = measure(connections, look)
            keep_metrics(connection, run.run_id, samples)
            before = run.now - settings.served_vectors_kept
            connection.execute(statement("drop_served_vectors"), {"before": before})
    except (psycopg.Error, PikkitError) as error:
        warn(f"Not all of this run could be told: the store does not let it be ({type(error).__name__}).")
    if samples:
        _expose(samples, settings, warn)


def _send_alerts(connection: psycopg.Connection, settings: MonitoringSettings, run: UnmeasuredRun, warn: Warn) -> None:
    if not settings.alert_urls:
        return
    from ingestion.monitoring.channels import alert_channels
    from ingestion.monitoring.delivery import deliver

    channels, unusable = alert_channels(settings.alert_urls)
    for place in unusable:
        warn(f"Address {place} of ALERT_URLS is none that Apprise can use: nothing is sent there.")
    for warning in deliver(connection, channels, run.run_id):
        warn(warning)


def _expose(samples: Sequence[Sample], settings: MonitoringSettings, warn: Warn) -> None:
    if settings.metrics_file is None and settings.pushgateway is None:
        return
    from ingestion.deadline import call_within
    from ingestion.monitoring.exposition import PUSH_PATIENCE, push, write_exposition

    if settings.metrics_file is not None:
        try:
            write_exposition(settings.metrics_file, samples)
        except OSError as error:
            warn(f"The metrics were not written to {settings.metrics_file} ({error.strerror}).")
    gateway = settings.pushgateway
    if gateway is not None and (failure := call_within(PUSH_PATIENCE, lambda: push(gateway, samples))) is not None:
        warn(f"The metrics were not pushed to PUSHGATEWAY_URL ({failure}).")
