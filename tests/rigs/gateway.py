"""The gateway of a Supabase project, which can fail: `/rest/v1/*` is PostgREST's `/*`, for a valid `apikey`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import random
import socket
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_plus

from tests.rigs.faults import PASSING, Answer, Fault
from tests.rigs.processes import PATIENCE

SECRET: Final = "a-secret-of-the-tests-that-is-longer-than-32-characters"
ROLES: Final = ("anon", "authenticated", "service_role")


def token(role: str, secret: str = SECRET) -> str:
    """The key of a role: a JSON Web Token that says so, signed with HS256."""
    claims = {"iss": "supabase", "ref": "tests", "role": role, "exp": 4_102_444_800}
    parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = ".".join(parts)
    return f"{signed}.{_base64(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass(frozen=True)
class Request:
    """What a client asked for. `path` is decoded, for assertions; `raw_length` is that of the one that was sent."""

    method: str
    path: str
    prefer: str
    fault: str | None
    raw_length: int = 0


class Proxy:
    """What stands in front of PostgREST: `/rest/v1/*` is its `/*`, for whoever sends a valid `apikey`.

    requests   every request that came, in order, with the fault that it met
    injected   how often each fault was
    before     called with each Request before it goes on to PostgREST; a test puts a writer here
    """

    def __init__(self, upstream: Path) -> None:
        self.upstream = upstream
        self.requests: list[Request] = []
        self.injected: Counter[str] = Counter()
        self.before: Callable[[Request], object] = lambda request: None
        self._queue: deque[Fault | None] = deque()
        self._storm: tuple[float, random.Random, Sequence[Fault]] = (0.0, random.Random(0), ())
        self._lock = threading.RLock()
        self._keys = {token(role) for role in ROLES}
        self.server = _Server(("127.0.0.1", 0), _Gateway)
        self.server.proxy = self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def queue(self, *faults: Fault | None) -> None:
        """The next requests meet these, in this order; null is a request that goes well."""
        self._queue.extend(faults)

    def storm(self, probability: float, seed: int, faults: Sequence[Fault] = PASSING) -> None:
        """From now on each request meets one of these faults with this probability. Ends with probability 0."""
        self._storm = (probability, random.Random(seed), faults)

    def accept(self, key: str) -> None:
        """Let a key through that the gateway does not know, to see what PostgREST says to it."""
        self._keys.add(key)

    def ask(self, method: str, path: str, role: str = "service_role") -> int:
        """The status of a request straight to PostgREST, without gateway and faults."""
        return send(Upstream(self.upstream), method, path, {"Authorization": f"Bearer {token(role)}"}).status

    def _take(self, method: str, path: str, prefer: str) -> Fault | None:
        with self._lock:
            probability, drawn, faults = self._storm
            fault = self._queue.popleft() if self._queue else None
            if fault is None and faults and drawn.random() < probability:
                fault = drawn.choice(faults)
            name = fault.__name__ if fault else None
            self.requests.append(Request(method, unquote_plus(path), prefer, name, len(path)))
            self.injected.update([name] if name else [])
            self.before(self.requests[-1])
            return fault


@contextmanager
def running_proxy(upstream: Path) -> Iterator[Proxy]:
    proxy = Proxy(upstream)
    # Asked every 10 ms whether to end; the default of half a second would be the longest part of many a test.
    thread = threading.Thread(target=proxy.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    proxy: Proxy
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Gateway(BaseHTTPRequestHandler):
    """One connection of a client, with one connection to PostgREST behind it."""

    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together

    def setup(self) -> None:
        super().setup()
        self._upstream = Upstream(self.server.proxy.upstream)

    def finish(self) -> None:
        self._upstream.close()
        with suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.proxy._take(self.command, self.path, self.headers.get("Prefer", ""))
        answer = self._answer(body)
        self._send(fault(answer) if fault else answer)

    do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815

    def _answer(self, body: bytes) -> Answer:
        prefix, path = "/rest/v1", self.path
        if self.headers.get("apikey") not in self.server.proxy._keys:
            said = "Invalid API key" if "apikey" in self.headers else "No API key found in request"
            return _json(401, {"message": said, "hint": "Double check your Supabase API key."})
        if not path.startswith(f"{prefix}/"):
            return _json(404, {"message": "no Route matched with those values"})
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        return send(self._upstream, self.command, path.removeprefix(prefix), headers, body)

    def _send(self, answer: Answer) -> None:
        self.close_connection = answer.cut is not None
        if answer.cut == -1:
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        length = ("Transfer-Encoding", "chunked") if answer.chunked else ("Content-Length", str(len(answer.body)))
        self.send_header(*length)
        self.end_headers()
        if self.command != "HEAD":
            sent = answer.body[: answer.cut]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(sent), sent) if answer.chunked else sent)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are kept, not printed."""


class Upstream(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, address: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._address))


def send(upstream: Upstream, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
    upstream.request(method, path, body or None, headers)
    answer = upstream.getresponse()
    return Answer(answer.status, dict(answer.getheaders()), answer.read())


def _json(status: int, said: dict[str, str]) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(said).encode())
