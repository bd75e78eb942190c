"""The endpoint of `pikkit metrics --serve` answers Prometheus whatever other clients do, and ends when told to."""

from __future__ import annotations

import os
import signal
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from ingestion.monitoring import scrape_server
from ingestion.monitoring.measurements import Sample
from ingestion.monitoring.scrape_server import ScrapeServer
from tests.rigs.commands import pikkit_here
from tests.rigs.processes import free_port, wait_until

SAMPLES = [Sample("pikkit_postgres_up", 1.0)]
PRINTED = "pikkit_postgres_up 1.0"
ROOM = 4


@pytest.fixture(autouse=True)
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape_server, "MOST_CONNECTIONS", ROOM)


@contextmanager
def served(measured: Callable[[], list[Sample]] = lambda: SAMPLES) -> Iterator[ScrapeServer]:
    server = ScrapeServer("127.0.0.1", 0, measured)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def scraped(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


def connected(server: ScrapeServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.server_port), timeout=60)


def answered(client: socket.socket) -> bytes:
    """All that the server says until it closes the connection."""
    said = b""
    with suppress(ConnectionResetError):
        while part := client.recv(65536):
            said += part
    return said


def without_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")


def test_scrapes_within_the_interval_share_a_measurement() -> None:
    measured: list[int] = []

    def measure() -> list[Sample]:
        measured.append(1)
        return SAMPLES

    with served(measure) as server:
        texts = [scraped(server.url) for _ in range(3)]
    assert PRINTED in texts[0]
    assert texts[0] == texts[1] == texts[2]
    assert len(measured) == 1


def test_silent_clients_make_room_for_a_scrape_and_have_no_thread_each() -> None:
    before = threading.active_count()
    with served() as server, ExitStack() as silent:
        clients = [silent.enter_context(connected(server)) for _ in range(5 * ROOM)]
        assert PRINTED in scraped(server.url)
        assert threading.active_count() - before <= ROOM + 1  # and the server's own
        assert answered(clients[0]) == b""


def test_a_client_that_sends_a_byte_at_a_time_is_left_after_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape_server, "REQUEST_PATIENCE", 0.3)
    with served() as server, connected(server) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\n")
        slow.settimeout(0.05)
        for _ in range(1000):
            try:
                slow.sendall(b"x")
                if slow.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail("the server listens to it still")
        assert PRINTED in scraped(server.url)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x00\xff nonsense\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/9.9\r\n\r\n", b"505"),
        (b"DELETE /metrics HTTP/1.1\r\n\r\n", b"501"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"A: a\r\n" * 200 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + (b"A: " + b"a" * 30_000 + b"\r\n") * 20 + b"\r\n", b"431"),
    ],
    ids=["bytes", "version", "method", "long line", "long header", "many headers", "many bytes"],
)
def test_a_request_that_is_none_gets_an_error_and_the_next_scrape_an_answer(
    request_: bytes, status: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with served() as server:
        with connected(server) as client:
            with suppress(OSError):  # the server has had enough
                client.sendall(request_)
            # What is closed with bytes unread may lose its answer.
            assert status in (answered(client) or (status if len(request_) > 60_000 else b""))
        assert PRINTED in scraped(server.url)
    assert capfd.readouterr().err == ""


def test_scrapes_that_wait_for_a_slow_measurement_are_answered_and_those_without_room_are_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scrape_server, "_FAREWELL", 0.05)
    is_measured, before = threading.Event(), threading.active_count()

    def measure() -> list[Sample]:
        is_measured.wait(60)
        return SAMPLES

    with served(measure) as server, ExitStack() as clients:
        waiting = [clients.enter_context(connected(server)) for _ in range(ROOM)]
        for client in waiting:
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        wait_until(lambda: threading.active_count() - before == ROOM + 1 and not server._asking)
        with connected(server) as late:
            assert answered(late) == b""
        is_measured.set()
        assert all(PRINTED.encode() in answered(client) for client in waiting)
        assert PRINTED in scraped(server.url)


def test_a_client_that_leaves_before_the_answer_prints_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    with served() as server:
        for _ in range(3):
            with connected(server) as client:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
        assert PRINTED in scraped(server.url)
    assert capfd.readouterr().err == ""


def test_connections_for_which_the_system_has_no_thread_take_no_room(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with served() as server:
        with monkeypatch.context() as patched:
            patched.setattr(scrape_server.ThreadingMixIn, "process_request", without_thread)
            for _ in range(ROOM + 1):
                with connected(server) as refused:
                    assert answered(refused) == b""
        assert PRINTED in scraped(server.url)
        assert not server._asking
    assert capfd.readouterr().err.count("RuntimeError: can't start") == ROOM + 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_on_loopback_until_a_signal_and_ends_with_0(
    number: signal.Signals, environ: dict[str, str]
) -> None:
    port, printed = free_port(), list[str]()

    def scrape_and_stop() -> None:
        def is_there() -> bool:
            try:
                printed.append(scraped(f"http://127.0.0.1:{port}/metrics"))
            except OSError:
                return False
            return True

        try:
            wait_until(is_there)
        finally:
            os.kill(os.getpid(), number)

    thread = threading.Thread(target=scrape_and_stop)
    thread.start()
    before = signal.getsignal(number)
    done = pikkit_here("metrics", "--serve", str(port), environ=environ)
    thread.join()
    assert done.returncode == 0, done.stderr
    assert PRINTED in printed[-1]
    assert f"http://127.0.0.1:{port}/metrics" in done.stderr
    assert signal.getsignal(number) is before
    with socket.create_server(("127.0.0.1", port)):  # it is free again
        pass


def test_an_ipv6_address_is_served_and_printed_in_brackets() -> None:
    try:
        server = ScrapeServer("::1", 0, lambda: SAMPLES)
    except OSError:
        pytest.skip("this machine has no IPv6")
    server.start()
    assert server.url.startswith("http://[::1]:")
    assert PRINTED in scraped(server.url)
    server.stop()
