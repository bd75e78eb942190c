"""The Supabase project of the tests: PostgREST is the real one, and every fault is what it says."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import psutil
import pytest

from ingestion.database.access import connect
from tests.builders.source_table import create_bets, put
from tests.rigs import faults
from tests.rigs.processes import PATIENCE
from tests.rigs.supabase import token


@pytest.fixture
def client(supabase):
    create_bets(supabase.postgres)
    put(supabase.postgres, *({"id": f"b{number}"} for number in range(6)))
    headers = {"apikey": token("service_role"), "Authorization": f"Bearer {token('service_role')}"}
    with httpx.Client(base_url=f"{supabase.proxy.url}/rest/v1", headers=headers) as client:
        yield client


@pytest.fixture
def bets(client):
    return lambda: client.get("/bets?select=id", headers={"Prefer": "count=exact"})


def test_postgrest_answers_with_all_rows_and_the_content_range(bets):
    answer = bets()
    assert (answer.status_code, len(answer.json()), answer.headers["content-range"]) == (200, 6, "0-5/6")
    assert answer.headers["server"] == "postgrest/12.0.2"


def test_new_functions_are_known_after_a_reload(supabase, client):
    with connect(supabase.postgres, purpose="test", autocommit=True) as connection:
        connection.execute("create function public.one() returns int language sql as 'select 1'")
    supabase.reload()
    assert client.get("/rpc/one").json() == 1


def test_the_gateway_wants_a_key_and_row_security_holds_for_anon(supabase, client):
    with connect(supabase.postgres, purpose="test", autocommit=True) as connection:
        connection.execute("alter table public.bets enable row level security")
    assert len(client.get("/bets").json()) == 6
    assert client.get("/bets", headers={"Authorization": f"Bearer {token('anon')}"}).json() == []
    assert client.get("/bets", headers={"apikey": "another"}).status_code == 401


@pytest.mark.parametrize("fault", [faults.dropped, faults.cut_short, faults.closed_mid_body])
def test_a_connection_that_breaks_is_an_error_of_the_client(supabase, bets, fault):
    supabase.proxy.queue(fault)
    with pytest.raises(httpx.RemoteProtocolError):
        bets()
    assert len(bets().json()) == 6


@pytest.mark.parametrize(
    ("fault", "status", "rows", "content_range"),
    [
        (faults.rows_left_out, 200, 4, "0-5/6"),
        (faults.nothing, 200, 0, "0-5/6"),
        (faults.last_rows_left_out, 200, 3, "0-2/6"),
        (faults.web_page, 200, None, None),
        (faults.bad_gateway, 502, None, None),
        (faults.half_a_body, 200, None, "0-5/6"),
    ],
)
def test_falsified_answer_has_the_status_rows_and_content_range_of_the_fault(
    supabase, bets, fault, status, rows, content_range
):
    supabase.proxy.queue(fault)
    answer = bets()
    assert (answer.status_code, answer.headers.get("content-range")) == (status, content_range)
    if rows is None:
        with pytest.raises(json.JSONDecodeError):
            answer.json()
    else:
        assert len(answer.json()) == rows


def test_queued_faults_answer_with_the_status_code_and_error_code_of_the_fault(supabase, bets):
    queued = (faults.server_error, faults.unavailable, faults.too_many("7"), None, faults.statement_timeout)
    supabase.proxy.queue(*queued)
    answers = [bets() for _ in queued]
    assert [answer.status_code for answer in answers] == [500, 503, 429, 200, 500]
    assert answers[2].headers["retry-after"] == "7"
    assert answers[4].json()["code"] == "57014"


def test_a_storm_is_the_same_for_the_same_seed(supabase, bets):
    met = []
    for _ in range(2):
        supabase.proxy.requests.clear()
        supabase.proxy.storm(0.5, seed=3, faults=(faults.bad_gateway, faults.unavailable))
        for _ in range(30):
            bets()
        met.append([request.fault for request in supabase.proxy.requests])
    assert met[0] == met[1]
    assert set(met[0]) == {None, "bad_gateway", "unavailable"}


def test_postgrest_ends_when_the_test_process_is_killed(supabase):
    program = (
        "import pickle, sys, time; from tests.rigs.supabase import running_postgrest\n"
        "with running_postgrest(pickle.load(sys.stdin.buffer)): print('up', flush=True); time.sleep(3600)"
    )
    command, root = [sys.executable, "-c", program], Path(__file__).parents[1]
    # What a killed process leaves behind goes with the directory.
    with (
        tempfile.TemporaryDirectory(prefix="pikkit-test-") as left,
        subprocess.Popen(command, stdin=-1, stdout=-1, cwd=root, env=os.environ | {"TMPDIR": left}) as process,
    ):
        process.stdin.write(pickle.dumps(supabase.postgres))
        process.stdin.close()
        assert process.stdout.readline() == b"up\n"
        (postgrest,) = psutil.Process(process.pid).children()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        psutil.wait_procs([postgrest], timeout=PATIENCE)
    assert not postgrest.is_running()
