"""Events sent over real HTTP: to servers that answer, refuse, fail, hang and dribble. None of them fails a run."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from feature_repo.postgres.run_lock import lock_holder
from feature_repo.servers.connections import Connections, Postgres
from ingestion.database.access import connect
from ingestion.lineage.delivery import deliver_events
from ingestion.lineage.settings import LineageServer, LineageSettings, lineage_setting_problems
from ingestion.runs.record import recorded_run
from tests.builders.bet_files import NOW, bet, jsonl
from tests.ingestion.lineage.conftest import events_of
from tests.rigs.commands import environ_of, pikkit_here
from tests.rigs.trouble import closed_port

HOUR = timedelta(hours=1)
# Seconds; far below what a sender without an end would take, far above the 2 that it may.
FOR_EVER = 8.0


class Receiver:
    """A server for events. `status` is what it answers, with a `location`.

    It `waits`, or `dribbles` bytes, until it is released.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.status: Callable[[dict[str, Any]], int] = lambda event: 201
        self.waits = self.dribbles = False
        self.location = ""
        self.released = threading.Event()
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        event = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        if self.waits:
            self.released.wait()
            return
        if self.dribbles:
            while not self.released.wait(0.2):
                handler.wfile.write(b"H")
            return
        status = self.status(event)
        if status < 300:
            self.events.append(event)
        self.paths.append(handler.path)
        self.keys.append(handler.headers["Authorization"])
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        if self.location:
            handler.send_header("Location", self.location)
        handler.end_headers()

    def settings(self, **differs: Any) -> LineageSettings:
        return LineageSettings(LineageServer(self.url, "api/v1/lineage", differs.get("key", "")), differs.get("file"))


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            try:
                receiver.answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        receiver.url = f"http://127.0.0.1:{server.server_port}"
        yield receiver
        receiver.released.set()
        server.shutdown()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def a_run(postgres: Postgres) -> None:
    """Two events: a START and a COMPLETE."""
    with recorded_run(postgres, "run"):
        pass


def kept(postgres: Postgres) -> list[dict[str, Any]]:
    with connect(postgres, purpose="test") as connection:
        return [event for (event,) in connection.execute("select event from ops.lineage_events order by position")]


def test_events_arrive_in_order_once_with_the_key(postgres: Postgres, receiver: Receiver) -> None:
    a_run(postgres)
    (delivery,) = deliver_events(postgres, receiver.settings(key="a-key"))
    assert (delivery.sent, delivery.waiting, delivery.warning) == (2, 0, None)
    assert receiver.events == kept(postgres)
    assert set(receiver.paths) == {"/api/v1/lineage"}
    assert set(receiver.keys) == {"Bearer a-key"}
    deliver_events(postgres, receiver.settings())
    assert len(receiver.events) == 2


def test_a_new_destination_gets_no_events_of_earlier_runs(postgres: Postgres, receiver: Receiver) -> None:
    a_run(postgres)
    a_run(postgres)
    deliver_events(postgres, receiver.settings())
    assert receiver.events == kept(postgres)[2:]


def test_an_event_of_an_open_transaction_is_not_passed_by_later_events(postgres: Postgres, receiver: Receiver) -> None:
    """Its position is lower: once a later one was sent, it never would be."""
    a_run(postgres)
    deliver_events(postgres, receiver.settings())
    with connect(postgres, purpose="test") as writer:
        writer.execute(
            "insert into ops.lineage_events (job, job_run_id, event_type, event_time, event) "
            "select job, gen_random_uuid(), event_type, event_time, event from ops.lineage_events limit 1"
        )
        a_run(postgres)
        (delivery,) = deliver_events(postgres, receiver.settings())
        assert (delivery.sent, delivery.waiting) == (0, 2)
        writer.commit()
    deliver_events(postgres, receiver.settings())
    assert receiver.events == kept(postgres)


def test_a_file_gets_every_event_as_a_line(postgres: Postgres, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    for _ in range(2):
        a_run(postgres)
        deliver_events(postgres, LineageSettings(None, file))
    assert [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] == kept(postgres)


@pytest.mark.parametrize("trouble", ["hangs", "dribbles", "closed", "500", "401"])
def test_events_that_cannot_be_sent_go_with_the_next_run_the_oldest_first(
    postgres: Postgres, receiver: Receiver, trouble: str
) -> None:
    url = receiver.url
    receiver.waits, receiver.dribbles = trouble == "hangs", trouble == "dribbles"
    receiver.status = lambda event: int(trouble)
    a_run(postgres)
    if trouble == "closed":
        receiver.url = f"http://127.0.0.1:{closed_port()}"
        with connect(postgres, purpose="test", autocommit=True) as connection:
            # The same destination, while nothing listens there.
            deliver_events(postgres, receiver.settings())
            connection.execute("update ops.lineage_destinations set destination = %s", [f"{url}/api/v1/lineage"])
    else:
        began = time.monotonic()
        (delivery,) = deliver_events(postgres, receiver.settings())
        assert time.monotonic() - began < FOR_EVER
        assert (delivery.sent, delivery.waiting) == (0, 2)
        assert "2 events wait and go with the next run" in (delivery.warning or "")
    receiver.released.set()
    receiver.url, receiver.waits, receiver.dribbles, receiver.status = url, False, False, lambda event: 201
    a_run(postgres)
    (delivery,) = deliver_events(postgres, receiver.settings())
    assert (delivery.sent, delivery.waiting, delivery.warning) == (4, 0, None)
    assert receiver.events == kept(postgres)


def test_an_event_refused_for_good_holds_up_no_later_event(postgres: Postgres, receiver: Receiver) -> None:
    receiver.status = lambda event: 400 if event["eventType"] == "START" else 201
    a_run(postgres)
    (delivery,) = deliver_events(postgres, receiver.settings())
    assert (delivery.sent, delivery.rejected, delivery.waiting, delivery.problem) == (1, 1, 0, None)
    assert "refused 1 events" in (delivery.warning or "")
    deliver_events(postgres, receiver.settings())
    assert [event["eventType"] for event in receiver.events] == ["COMPLETE"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_events_wait(postgres: Postgres, receiver: Receiver, status: int) -> None:
    a_run(postgres)
    with receiving() as elsewhere:
        receiver.status, receiver.location = (lambda event: status), f"{elsewhere.url}/login"
        (delivery,) = deliver_events(postgres, receiver.settings(key="a-key"))
        assert elsewhere.paths == []
    assert (delivery.sent, delivery.waiting, delivery.problem) == (0, 2, f"it answers {status}")


def test_a_destination_locked_by_another_process_is_skipped(postgres: Postgres, receiver: Receiver) -> None:
    a_run(postgres)
    deliver_events(postgres, receiver.settings())
    with connect(postgres, purpose="test") as other:
        other.execute("select from ops.lineage_destinations for update")
        assert deliver_events(postgres, receiver.settings()) == []


def test_a_run_with_a_dead_endpoint_ends_well_with_a_warning_without_the_password(
    prepared: Connections, tmp_path: Path
) -> None:
    url = f"http://me:planted-secret@127.0.0.1:{closed_port()}"
    environ = environ_of(prepared, tmp_path / "home", PIKKIT_NOW=NOW.isoformat(), OPENLINEAGE_URL=url)
    done = pikkit_here("run", "--source", jsonl(tmp_path / "bets.jsonl", bet("a", 1)), environ=environ)
    assert done.returncode == 0
    assert "Warning: Lineage to http://127.0.0.1:" in done.stderr
    assert "it cannot be reached" in done.stderr
    with connect(prepared.postgres, purpose="test") as connection:
        destinations = connection.execute("select destination, sent_position from ops.lineage_destinations").fetchall()
    assert "planted-secret" not in f"{done.stderr}{done.stdout}{destinations}"


def test_a_run_sends_lineage_events_after_the_run_lock_is_free(
    prepared: Connections, tmp_path: Path, receiver: Receiver
) -> None:
    lock_holders: list[str | None] = []
    environ = environ_of(prepared, tmp_path / "home", PIKKIT_NOW=NOW.isoformat(), OPENLINEAGE_URL=receiver.url)
    # A connection for all events: there are two seconds for all of them.
    with connect(prepared.postgres, purpose="test") as looker:
        receiver.status = lambda event: lock_holders.append(lock_holder(looker)) or 201
        done = pikkit_here("run", "--source", jsonl(tmp_path / "bets.jsonl", bet("a", 1)), environ=environ)
    assert done.returncode == 0
    assert receiver.events == events_of(prepared)
    assert set(lock_holders) == {None}
    shown = pikkit_here(
        "runs",
        "show",
        json.loads(pikkit_here("runs", "--json", environ=environ).stdout)["runs"][0]["run_id"],
        environ=environ,
    )
    assert f"To {receiver.url}/api/v1/lineage: {len(receiver.events)} sent, 0 waiting." in shown.stdout


def test_an_address_that_is_none_is_a_problem_of_the_settings_and_is_not_shown() -> None:
    problems = lineage_setting_problems({"OPENLINEAGE_URL": "me:planted-secret@host"})
    assert list(problems) == ["OPENLINEAGE_URL"]
    assert "planted-secret" not in str(problems)
    disabled = LineageSettings.load({"OPENLINEAGE_URL": "http://host:5000", "OPENLINEAGE_DISABLED": "true"})
    assert disabled == LineageSettings(None, None)
