"""docs/serving.md, word for word: its service and its `feast serve`, run for real and asked over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from feature_repo import REPOSITORY, clock, scorer
from feature_repo.group_keys import entity_rows
from feature_repo.online_store.layout import entity_key, key_prefix
from feature_repo.servers.connections import Connections
from feature_repo.servers.environment import feast_environment
from tests.conftest import OUR_VARIABLES
from tests.feature_repo.conftest import BETS, REFRESHED_AT
from tests.rigs.forked_commands import ForkedServer, forked_server
from tests.rigs.processes import PATIENCE, serving

PAGE = (REPOSITORY / "docs" / "serving.md").read_text()
AT_PLACEMENT = "market_profitability_at_placement_v1"
PLACED = [{name: value for name, value in one.items() if name != "clv_percentage"} for one in BETS]
# Set with clv_percentage, which the service at placement does not ask for.
BODY = json.dumps(PLACED, default=str)


def block(language: str, holding: str) -> str:
    """The one block of code on the page that holds this text."""
    (found,) = [code for code in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if holding in code]
    return found


@pytest.fixture(scope="module")
def settings(stocked: Connections) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OUR_VARIABLES)}
    ours = {"REDIS_URL": stocked.redis.url, "PYTHONPATH": str(REPOSITORY)}
    return inherited | feast_environment(stocked) | ours | {"PIKKIT_NOW": REFRESHED_AT.isoformat()}


class Service:
    """A server process, and one connection to it that is kept open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def post(self, path: str, body: str) -> tuple[int, Any]:
        return self.ask("POST", path, body)

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
        """Status and answer; of another worker where gunicorn took a busy one for dead, as it may on a slow machine."""
        with suppress(ConnectionError):
            return self._ask(method, path, body)
        self._connection.close()
        return self._ask(method, path, body)

    def _ask(self, method: str, path: str, body: str | None) -> tuple[int, Any]:
        self._connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read() or "null")


@contextmanager
def spoilt(stocked: Connections) -> Iterator[None]:
    """One sport's hash replaced by something that is none."""
    with redis.Redis.from_url(stocked.redis.url) as client:
        key = entity_key(key_prefix("sport"), "NBA", b"pikkit")
        kept = client.dump(key)
        client.set(key, "?")
        try:
            yield
        finally:
            client.restore(key, 0, kept, replace=True)


# ---- the service of twenty lines -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_service(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    where = tmp_path_factory.mktemp("service")
    code = block("python", "FastAPI()")
    (where / "service.py").write_text(code)
    command = block("sh", "uvicorn").strip().replace("--port 8000", "--port {port}").split()
    assert len([line for line in code.splitlines() if line.strip() and not line.startswith(("import", "from"))]) <= 20
    # Started as it is written: each of its workers is a process that is started from nothing, too.
    with serving([str(Path(sys.executable).with_name(command[0])), *command[1:]], where, settings) as port:
        yield Service(port)


def test_documented_scoring_service_answers_with_the_vectors_of_the_scorer(own_service: Service, store: Any) -> None:
    clock.set_now(REFRESHED_AT)
    wanted = scorer(AT_PLACEMENT, store=store)(PLACED)
    status, answer = own_service.post("/vectors", BODY)
    assert (status, answer["vectors"]) == (200, wanted.to_dicts())
    assert answer["statuses"] == wanted.statuses
    assert answer["as_of"]["sport_stats"][0] == REFRESHED_AT.isoformat().replace("+00:00", "Z")


def test_documented_scoring_service_answers_422_for_bad_bets_and_503_for_redis_trouble(
    own_service: Service, stocked: Connections
) -> None:
    assert own_service.post("/vectors", '[{"sport": "NBA"}]') == (
        422,
        {
            "detail": "bets lack market, league, institution_name, bet_type, american_odds, is_live; where a value is "
            "unknown, give null"
        },
    )
    (one, *_) = json.loads(BODY)
    assert own_service.post("/vectors", json.dumps([one | {"american_odds": 1.91}]))[0] == 422
    with spoilt(stocked):
        status, answer = own_service.post("/vectors", json.dumps([one]))
    assert (status, "WRONGTYPE" in answer["detail"]) == (503, True)
    assert own_service.post("/vectors", json.dumps([one]))[0] == 200


# ---- feast serve ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def feast_serve(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedServer]:
    command = block("sh", "feast serve").strip().replace("--port 6566", "--port {port}").split()
    assert command[:2] == ["feast", "serve"]
    arguments = ["-c", REPOSITORY, *command[1:]]
    with forked_server("feast", arguments, environ=settings, cwd=tmp_path_factory.mktemp("feast")) as server:
        yield server


def test_feast_serve_as_documented_answers_beyond_the_default_worker_restart(
    feast_serve: ForkedServer, store: Any
) -> None:
    """By default a worker ends after 950 to 1,050 requests, and clients of that moment find their connection reset."""
    rows = entity_rows(PLACED[:2])
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    body = json.dumps({"feature_service": AT_PLACEMENT, "entities": columns}, default=str)
    statuses: list[int] = []

    def many() -> None:
        service = Service(feast_serve.port)
        # A worker counts requests of every kind, and those for its health cost the least.
        for _ in range(20):
            statuses.extend(service.ask("GET", "/health")[0] for _ in range(31))
            statuses.append(service.post("/get-online-features", body)[0])

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Two workers share them, so that each has had more than 1,050.
    assert Counter(statuses) == {200: 2560}
    assert "Maximum request limit" not in feast_serve.command.printed() + feast_serve.command.complained()


def test_feast_serve_and_the_scorer_give_equal_vectors(
    feast_serve: ForkedServer, store: Any, stocked: Connections
) -> None:
    clock.set_now(REFRESHED_AT)
    wanted = scorer(AT_PLACEMENT, store=store)(PLACED)
    columns = {name: [row[name] for row in entity_rows(PLACED)] for name in entity_rows(PLACED)[0]}
    body = json.dumps({"feature_service": AT_PLACEMENT, "entities": columns}, default=str)
    status, answer = Service(feast_serve.port).post("/get-online-features", body)
    told = dict(zip(answer["metadata"]["feature_names"], answer["results"], strict=True))
    assert status == 200
    assert {name: told[name]["values"] for name in wanted.names} == wanted.columns
    assert {name: told[name]["statuses"] for name in wanted.names} == wanted.statuses
    with spoilt(stocked):
        status, answer = Service(feast_serve.port).post("/get-online-features", body)
    assert (status, "WRONGTYPE" in json.dumps(answer)) == (503, True)


def test_stored_features_are_null_and_outside_max_age_a_day_after_the_last_run(store: Any) -> None:
    clock.set_now(REFRESHED_AT + timedelta(hours=24, seconds=1))
    vectors = scorer(AT_PLACEMENT, store=store)(PLACED)
    stored = [name for name in vectors.names if vectors.feature_views[name] != "bet_features"]
    assert {value for name in stored for value in vectors.columns[name]} == {None}
    assert {str(one) for name in stored for one in vectors.statuses[name]} == {"OUTSIDE_MAX_AGE"}
