"""What follows on a run: messages, metrics, lineage and the report go where the settings say. Trouble is a warning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from feature_repo.errors import PikkitError
from feature_repo.servers.connections import Connections
from ingestion.cli.output import say_warning
from ingestion.settings import Settings


@contextmanager
def follow_up(settings: Settings, connections: Connections) -> Iterator[None]:
    """For one run, from before it takes its lock. Refused and failed runs are followed up too."""
    from ingestion.monitoring.observed_run import observed_run
    from ingestion.report.written_report import report_after_run
    from ingestion.runs.status import status_by_clock

    # Metrics and report show one look at the store: it is asked for by whichever comes first.
    look = cache(lambda: status_by_clock(connections))
    with (
        report_after_run(settings.report, connections, say_warning, look),
        lineage_sent(settings, connections),
        observed_run(connections, settings.monitoring, say_warning, look),
    ):
        yield


@contextmanager
def lineage_sent(settings: Settings, connections: Connections) -> Iterator[None]:
    """Send what lineage events wait, after what is done under it, also when that fails, and let go of old ones.

    Trouble is a warning.
    """
    try:
        yield
    except PikkitError:
        _send(settings, connections)
        _expire(connections)
        raise
    _send(settings, connections)
    _expire(connections)


def _expire(connections: Connections) -> None:
    """Let go of old events, after they had a last chance to be sent."""
    import psycopg

    from ingestion.lineage.retention import expire_events

    try:
        for warning in expire_events(connections.postgres):
            say_warning(warning)
    except (PikkitError, psycopg.Error) as error:
        say_warning(f"Old lineage was not dropped, and goes with the next run: {type(error).__name__}.")


def _send(settings: Settings, connections: Connections) -> None:
    if settings.lineage.server is None and settings.lineage.file is None:
        return
    import psycopg

    from ingestion.lineage.delivery import deliver_events

    try:
        deliveries = deliver_events(connections.postgres, settings.lineage)
    except (PikkitError, psycopg.Error) as error:
        say_warning(f"Lineage was not sent, and goes with the next run: {type(error).__name__}.")
        return
    for delivery in deliveries:
        if delivery.warning:
            say_warning(delivery.warning)
