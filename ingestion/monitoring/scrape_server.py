"""The endpoint that Prometheus scrapes: so many connections at most, each with its seconds, whatever clients do.

Whoever connects and says nothing, or says it a byte at a time, is left when its seconds are over, or earlier when
somebody else asks and there is no room.
"""

from __future__ import annotations

import io
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.client import LineTooLong
from http.server import HTTPServer
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final

from prometheus_client.exposition import MetricsHandler

from feature_repo.servers.redaction import redacted
from ingestion.monitoring.exposition import registry_of
from ingestion.monitoring.measurements import Sample

# Seconds for which the endpoint answers with what it measured last, however many ask.
SCRAPE_INTERVAL: Final = 10.0
# Seconds that a client may take for the whole of its request, and for taking the answer.
REQUEST_PATIENCE: Final = 5.0
# Connections that are open at once, and bytes of a request. Prometheus has one connection, and sends 0.3 kB.
MOST_CONNECTIONS: Final = 32
_MOST_BYTES: Final = 128 * 1024
# Seconds in which the thread of a connection that was closed for another one ends.
_FAREWELL: Final = 1.0


class ScrapeServer(ThreadingMixIn, HTTPServer):
    """A thread for each connection. `stop` ends it; connections that are open end with the process."""

    daemon_threads = True
    # Connections that wait for a thread, in the kernel.
    request_queue_size = 128

    def __init__(self, host: str, port: int, measured: Callable[[], Sequence[Sample]]) -> None:
        """Bind the address and listen; port 0 takes a free one. Raises OSError when that cannot be."""
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family, *_, address = addresses[0]
        self._room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._asking: dict[socket.socket, None] = {}  # whose request is not there yet, the oldest first
        self._changing = threading.Lock()
        handler = _ScrapeHandler.factory(registry_of(_remembered(measured)))
        super().__init__((str(address[0]), port), handler)

    @property
    def url(self) -> str:
        """Where it answers."""
        host = str(self.server_address[0])
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server_port}/metrics"

    def start(self) -> None:
        """Answer from now on, in a thread."""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Take no connection any more, and free the address."""
        self.shutdown()
        self.server_close()

    def server_bind(self) -> None:
        """As of TCPServer: HTTPServer asks the network for the name of the host besides, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread. Without room, the one that has been asking the longest makes some."""
        if not self._room.acquire(blocking=False):
            self._close_longest_asking()
            if not self._room.acquire(timeout=_FAREWELL):  # all of them wait for a measurement
                self.shutdown_request(request)
                return
        with self._changing:
            self._asking[request] = None
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # the system gives no thread: the caller closes the connection
            self._make_room(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one connection, and make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._make_room(request)

    def has_asked(self, request: socket.socket) -> None:
        """The request of this connection is there: it stays until it is answered."""
        with self._changing:
            self._asking.pop(request, None)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 (socketserver gives them)
        """Print what is no fault of the client's: a traceback on stderr, without secrets."""
        if not isinstance(sys.exception(), OSError | LineTooLong):
            sys.stderr.write(redacted(traceback.format_exc()))

    def _make_room(self, request: socket.socket) -> None:
        self.has_asked(request)
        self._room.release()

    def _close_longest_asking(self) -> None:
        with self._changing, suppress(OSError, StopIteration):
            next(iter(self._asking)).shutdown(socket.SHUT_RDWR)


class _ScrapeHandler(MetricsHandler):
    """One request of one connection."""

    server: ScrapeServer

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BufferedReader(_BoundedRequest(self.connection))

    def do_GET(self) -> None:  # noqa: N802 (a name of http.server's)
        self.server.has_asked(self.connection)
        self.connection.settimeout(REQUEST_PATIENCE)
        super().do_GET()


class _BoundedRequest(io.RawIOBase):
    """What a client sends: all of it within REQUEST_PATIENCE seconds and _MOST_BYTES bytes."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self._deadline, self._left = time.monotonic() + REQUEST_PATIENCE, _MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """As of RawIOBase. Raises TimeoutError when the seconds are over, LineTooLong (an error 431) for more bytes."""
        if self._left <= 0:
            raise LineTooLong("request")
        self._connection.settimeout(max(self._deadline - time.monotonic(), 0.001))
        size = self._connection.recv_into(buffer)
        self._left -= size
        return size


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
