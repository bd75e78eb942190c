"""Redis servers that a test may stop, slow down, or form a cluster of: each a process of its own on a free port."""

from __future__ import annotations

import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from feature_repo.errors import Unreachable
from feature_repo.servers.connections import Redis
from ingestion.embedded.redis import _binary
from tests.rigs.processes import PATIENCE, free_port, wait_until

T = TypeVar("T")


@dataclass
class Server:
    """A running Redis."""

    home: Path
    port: int
    options: tuple[str, ...]
    password: str | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def redis(self) -> Redis:
        login = f":{self.password}@" if self.password else ""
        return Redis(f"redis://{login}127.0.0.1:{self.port}/0")

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, password=self.password, retry=Retry(NoBackoff(), 0))

    def start(self) -> None:
        command = [_binary(), "--port", str(self.port), "--dir", str(self.home), "--save", "", "--bind", "127.0.0.1"]
        password = ("--requirepass", self.password) if self.password else ()
        self.process = subprocess.Popen([*command, *password, *self.options], stdout=subprocess.DEVNULL)
        _until_it_answers(self.client())

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def server(home: Path, *options: str, password: str | None = None) -> Iterator[Server]:
    """A Redis of the test's own, stopped afterwards. Nothing of it is kept on disk."""
    port = free_port()
    while port > 55_535:  # the nodes of a cluster talk to each other on a port 10,000 higher
        port = free_port()
    one = Server(home, port, options, password)
    one.start()
    try:
        yield one
    finally:
        one.stop()


@contextmanager
def cluster(home: Path) -> Iterator[Server]:
    """A cluster of one node, which holds all slots."""
    with (
        server(home, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf") as node,
        node.client() as client,
    ):
        client.execute_command("CLUSTER", "ADDSLOTS", *range(16_384))
        wait_until(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"))
        yield node


@contextmanager
def sentinel(home: Path, master: Server, *, name: str) -> Iterator[int]:
    """The port of a sentinel that watches the server as `name`."""
    port = free_port()
    configuration = home / "sentinel.conf"
    configuration.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {home}\nsentinel monitor {name} 127.0.0.1 {master.port} 1\n"
    )
    with subprocess.Popen([_binary(), str(configuration), "--sentinel"], stdout=subprocess.DEVNULL) as process:
        try:
            _until_it_answers(redis.Redis(port=port, retry=Retry(NoBackoff(), 0)))
            yield port
        finally:
            process.kill()


class Wire(socketserver.ThreadingTCPServer):
    """A way to the server that breaks when something is sent while `broken` is set; the next one holds again.

    Between `hold` and `release` nothing is answered: the server is slow, for as long as a test wants.
    """

    daemon_threads, block_on_close = True, False

    def __init__(self, node: Server) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.node, self.broken = node, False
        self._open = threading.Event()
        self._open.set()
        self._answered: list[threading.Event] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *args: object) -> None:
        self._open.set()
        self.shutdown()
        super().__exit__(*args)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def hold(self) -> None:
        """Answer nothing that is asked from now on."""
        self._answered.clear()
        self._open.clear()

    def release(self) -> int:
        """Answer what was asked since `hold`, and wait until that is done. Returns how many requests there were."""
        wait_until(lambda: self._answered)
        asked = list(self._answered)
        self._open.set()
        assert all(answered.wait(PATIENCE) for answered in asked)
        return len(asked)

    def answer(self, request: bytes, node: socket.socket, client: socket.socket) -> None:
        """Give the client the node's answer, when answers are let through. A client that is gone by then misses it."""
        answered = threading.Event()
        if not self._open.is_set():
            self._answered.append(answered)
            self._open.wait()
        node.sendall(request)
        with suppress(OSError):
            client.sendall(node.recv(65_536))
        answered.set()


class _Passing(socketserver.BaseRequestHandler):
    server: Wire

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.node.port)) as node:
            while data := self.request.recv(65_536):
                if self.server.broken:
                    self.server.broken = False
                    return
                self.server.answer(data, node, self.request)


def in_time(act: Callable[[], T]) -> T:
    """What `act` returns once no answer to it was late. On a slow machine any may be."""
    answers: list[T] = []

    def is_answered() -> bool:
        try:
            answers.append(act())
        except Unreachable as error:
            if "did not answer within" not in str(error):
                raise
            return False
        return True

    wait_until(is_answered)
    return answers[0]


def _until_it_answers(client: redis.Redis) -> None:
    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    wait_until(answers)
    client.close()
