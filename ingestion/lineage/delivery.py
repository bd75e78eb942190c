"""Events that are kept, sent on: by HTTP to a server, to a file. What cannot be sent now goes with the next run.

It begins after the run, outside its lock, goes oldest first and ends after 2 seconds in all, whatever the other side
does: the client's own timeout is one of each read, which a server that sends a byte now and then never meets. So a
thread sends, and is left behind when the time is over; an event of which nobody knows whether it arrived is sent again.
Nothing that happens here fails a run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

import psycopg

from feature_repo.servers.connections import Postgres
from feature_repo.servers.redaction import redacted
from ingestion.database.access import connect, statement
from ingestion.deadline import call_within
from ingestion.lineage.settings import LineageServer, LineageSettings

# Seconds for all that is sent after one run, and for one answer of a server.
PATIENCE: Final = 2.0
_ANSWER: Final = 1.0
# Events that are read at once.
_BATCH: Final = 100
# What a server says of an event that it will never take: not that it is busy, or that a setting is wrong.
_REFUSED_FOR_GOOD: Final = frozenset({400, 413, 422})


@dataclass(frozen=True)
class Delivery:
    """What was sent to one destination after a run."""

    #: Without user and password.
    destination: str
    sent: int
    #: Refused for good (400, 413, 422), and not sent again.
    rejected: int
    #: Events that wait for the next run.
    waiting: int
    #: Why sending ended early; null where nothing waits.
    problem: str | None

    @property
    def warning(self) -> str | None:
        """What somebody should know of it; null where all went well."""
        told = []
        if self.problem is not None:
            told.append(f"{self.problem}; {self.waiting:,} events wait and go with the next run")
        if self.rejected:
            told.append(f"it refused {self.rejected:,} events, which are not sent again")
        return f"Lineage to {self.destination}: {'; '.join(told)}." if told else None


class Transport(Protocol):
    """One of the client's transports, as far as it is used here. It takes the object of an event."""

    def emit(self, event: Any) -> Any:
        """Send one event. Raises whatever it likes."""


class _Waiting(NamedTuple):
    position: int
    event: dict[str, Any]


@dataclass
class _Progress:
    """How far a batch has got; the thread that sends writes it, who waits reads it."""

    position: int
    sent: int = 0
    rejected: int = 0
    problem: str | None = None


def deliver_events(postgres: Postgres, settings: LineageSettings, *, patience: float = PATIENCE) -> list[Delivery]:
    """Send what waits to each destination, within so many seconds in all. Hold no lock. Raises Unreachable."""
    destinations = [str(settings.file)] if settings.file else []
    destinations += [settings.server.address] if settings.server else []
    if not destinations:
        return []
    deadline = time.monotonic() + patience
    with connect(postgres, purpose="lineage") as connection:
        deliveries = [
            _deliver(connection, destination, _transport(settings, destination), deadline)
            for destination in destinations
        ]
    return [delivery for delivery in deliveries if delivery is not None]


def _transport(settings: LineageSettings, destination: str) -> Transport:
    from openlineage.client.transport.file import FileConfig, FileTransport
    from openlineage.client.transport.http import HttpConfig, HttpTransport

    if settings.server is None or destination != settings.server.address:
        return FileTransport(FileConfig(log_file_path=destination, append=True))
    transport = HttpTransport(HttpConfig.from_dict(_http_options(settings.server)))
    # A redirect, to a login page say, is asked for by GET and answers 200: the event would pass for sent, and be lost.
    transport.session.max_redirects = 0
    return transport


def _http_options(server: LineageServer) -> dict[str, Any]:
    # The transport joins both as a link would be followed: without the slash a path of the address would be lost.
    options: dict[str, Any] = {"url": f"{server.url.rstrip('/')}/", "endpoint": server.endpoint.lstrip("/")}
    options |= {"timeout": _ANSWER, "retry": {"total": 0, "connect": 0, "read": 0, "redirect": 0}}
    return options | ({"auth": {"type": "api_key", "apiKey": server.api_key}} if server.api_key else {})


def _deliver(
    connection: psycopg.Connection, destination: str, transport: Transport, deadline: float
) -> Delivery | None:
    """Send to one destination; null where another process is at it."""
    with connection.transaction():
        connection.execute(statement("begin_destination"), {"destination": destination})
        row = connection.execute(statement("lock_destination"), {"destination": destination}).fetchone()
        if row is None:
            return None
        progress = _Progress(row[0])
        while events := _waiting(connection, progress.position):
            _send_within(transport, events, progress, deadline)
            if progress.problem is not None:
                break
        counts = {"position": progress.position, "sent": progress.sent, "rejected": progress.rejected}
        (waiting,) = connection.execute(
            statement("record_event_delivery"), {"destination": destination, **counts}
        ).fetchone() or (0,)
    return Delivery(destination, progress.sent, progress.rejected, waiting, progress.problem)


def _waiting(connection: psycopg.Connection, after: int) -> list[_Waiting]:
    rows = connection.execute(statement("waiting_events"), {"after": after, "limit": _BATCH}).fetchall()
    return [_Waiting(*row) for row in rows]


def _send_within(transport: Transport, events: Sequence[_Waiting], progress: _Progress, deadline: float) -> None:
    """Send events until all are, one fails, or the time is over."""
    ours = _Progress(progress.position, progress.sent, progress.rejected)
    is_unfinished = call_within(max(0.0, deadline - time.monotonic()), partial(_send, transport, events, ours))
    progress.position, progress.sent, progress.rejected = ours.position, ours.sent, ours.rejected
    progress.problem = "no answer in time" if is_unfinished else ours.problem


def _send(transport: Transport, events: Sequence[_Waiting], progress: _Progress) -> None:
    from requests import HTTPError

    try:
        for position, event in events:
            try:
                transport.emit(event)
                progress.sent += 1
            except HTTPError as error:
                if error.response is None or error.response.status_code not in _REFUSED_FOR_GOOD:
                    raise
                progress.rejected += 1
            progress.position = position
    except Exception as error:  # noqa: BLE001  (a transport may raise anything, and no run fails for it)
        progress.problem = redacted(_in_words(error))


def _in_words(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"it answers {response.status_code}"
    return {
        "ConnectionError": "it cannot be reached",
        "ConnectTimeout": "no answer in time",
        "ReadTimeout": "no answer in time",
    }.get(type(error).__name__, f"{type(error).__name__}: {error}")
