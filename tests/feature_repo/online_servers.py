"""Redis servers that a test may stop, slow down, or form a cluster of: each a process of its own on a free port."""

from __future__ import annotations

import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from feature_repo.connections import Redis
from ingestion.embedded.redis import _binary, _free_port


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
    port = _free_port()
    while port > 55_535:  # the nodes of a cluster talk to each other on a port 10,000 higher
        port = _free_port()
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
        while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
            time.sleep(0.05)
        yield node


@contextmanager
def sentinel(home: Path, master: Server, *, name: str) -> Iterator[int]:
    """The port of a sentinel that watches the server as `name`."""
    port = _free_port()
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
    """A way to the server that breaks when something is sent while `broken` is set; the next one holds again."""

    daemon_threads, block_on_close = True, False

    def __init__(self, node: Server) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.node, self.broken = node, False
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *args: object) -> None:
        self.shutdown()
        super().__exit__(*args)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Passing(socketserver.BaseRequestHandler):
    server: Wire

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.node.port)) as node:
            while data := self.request.recv(65_536):
                if self.server.broken:
                    self.server.broken = False
                    return
                node.sendall(data)
                self.request.sendall(node.recv(65_536))


def _until_it_answers(client: redis.Redis) -> None:
    for _ in range(1_000):
        try:
            client.ping()
        except redis.ConnectionError:
            time.sleep(0.01)
        else:
            client.close()
            return
    raise AssertionError("Redis did not start")
