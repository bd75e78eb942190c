"""What stands between us and the database fails in every way: a sync gets every row, or says why not, and never takes
less for all. Waits are short here and drawn; what is checked is what was told, and not how long it took.
"""

from __future__ import annotations

import traceback
from dataclasses import replace
from datetime import timedelta

import pytest

from feature_repo.errors import SourceDenied, Unreachable
from ingestion.database.access import connect
from ingestion.sources import retry
from ingestion.sources.supabase import rest, span_reader, supabase_reading
from ingestion.sources.supabase.supabase_table import open_supabase
from ingestion.sources.table import StampWindow
from tests.builders.source_table import create_bets, delete, fill, put
from tests.ingestion.sources.test_supabase import BET, START, bets, ids
from tests.rigs import faults
from tests.rigs.databases import temporary_database
from tests.rigs.gateway import running_proxy
from tests.rigs.processes import wait_until
from tests.rigs.supabase import Supabase, running_supabase

PAGE = 100  # the cap of this project; what Supabase caps pages at is in test_supabase.py
ROWS = 250


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.01)


@pytest.fixture(scope="module")
def filled(servers):
    """A project with its rows, for all tests: few of them write."""
    with temporary_database(servers.postgres) as postgres:
        create_bets(postgres)
        fill(postgres, bets(ROWS))
        with running_supabase(postgres, max_rows=PAGE) as project:
            yield project


@pytest.fixture
def project(filled, monkeypatch):
    """The same behind a gateway of the test's own, with its rows put back where the test has changed them."""
    for module in (span_reader, supabase_reading):
        monkeypatch.setattr(module, "REST_PAGE_ROWS", PAGE)
    before = held(filled.postgres)
    with running_proxy(filled.proxy.upstream) as proxy:
        yield Supabase(filled.postgres, proxy)
    if held(filled.postgres) != before:
        delete(filled.postgres, [identifier for identifier, *_ in held(filled.postgres)])
        fill(filled.postgres, bets(ROWS))
        assert held(filled.postgres) == before


def held(postgres):
    """Every row of the table, by id."""
    with connect(postgres, purpose="test") as connection:
        return connection.execute("select * from public.bets order by id").fetchall()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def opened(project, waits):
    def told(step, done, total, *, waiting=""):
        waits.append(waiting)

    return lambda patience=600.0: open_supabase(project.project(), timedelta(seconds=patience), told)


def read(table):
    with table.reading() as reading:
        return ids(reading.pages(StampWindow()))


EVERY = [f"b{number}" for number in range(ROWS)]


@pytest.mark.parametrize("fault", [*faults.PASSING, faults.last_rows_left_out, faults.too_many("0")])
def test_a_fault_at_any_request_costs_no_row(project, opened, fault):
    for at in range(11):
        project.proxy.requests.clear()
        project.proxy.queue(*[None] * at, fault)
        found = read(opened())
        assert set(found) == set(EVERY)
        assert project.proxy.requests[at].fault == fault.__name__
        # Where an answer fits itself its page is used before the count tells, and is then read again.
        assert len(found) == ROWS or fault is faults.last_rows_left_out


@pytest.mark.parametrize("content_range", ["*/*", "*/7"])
def test_empty_rest_answer_given_twice_does_not_end_the_reading(project, opened, content_range):
    """An empty list is what a wrong filter, a cache or a paused project may give, and may give twice."""
    empty = replace_answer(b"[]", content_range)
    for at in range(10):
        table = opened()
        project.proxy.queue(*[None] * at, empty, empty)
        assert set(read(table)) == set(EVERY)


@pytest.mark.parametrize("seed", range(5))
def test_reading_through_random_faults_loses_no_row(project, opened, seed):
    project.proxy.storm(0.3, seed)
    table = opened()
    assert read(table) == EVERY
    with table.reading() as reading:
        storm = reading.digests(), reading.keys(START.date()), reading.count(StampWindow())
        project.proxy.storm(0, seed)
        calm = reading.digests(), reading.keys(START.date()), reading.count(StampWindow())
    assert project.proxy.injected.total() > 3
    assert storm[0].equals(calm[0])
    assert set(storm[1]["id"]) == set(calm[1]["id"])
    assert storm[2] == calm[2] == ROWS


def test_retry_wait_is_reported_with_cause_and_host(project, opened, waits):
    table = opened()
    project.proxy.queue(faults.too_many("0"), faults.unavailable, faults.bad_gateway, faults.dropped, faults.web_page)
    read(table)
    host = project.project().host
    told = [waiting.partition(" s: ")[2] for waiting in waits]
    assert told == [
        f"429 (Too many requests) from {host}",
        f"503 (PGRST002: Could not query the database for the schema cache. Retrying.) from {host}",
        f"502 (a web page) from {host}",
        f"a connection that broke (RemoteProtocolError) from {host}",
        f"a web page instead of rows from {host}",
    ]


@pytest.mark.parametrize("after", ["1", "Mon, 01 Jun 2026 00:00:01 GMT"], ids=["seconds", "a date"])
def test_retry_after_header_is_waited_for(project, opened, waits, after):
    table = opened()
    # The gateway's clock stands still: the date is one second after its own.
    fault, date = faults.too_many(after), "Mon, 01 Jun 2026 00:00:00 GMT"
    project.proxy.queue(lambda answer: replace(fault(answer), headers={**fault(answer).headers, "Date": date}))
    read(table)
    (waiting,) = waits
    assert waiting.startswith("1 s: ")


def test_retry_after_beyond_the_patience_raises_unreachable_at_once(project, opened, waits):
    table = opened()
    project.proxy.requests.clear()
    project.proxy.queue(faults.too_many("3600"))
    with pytest.raises(Unreachable, match="wants to be asked again after 3600 s, which is past our patience of 600 s"):
        read(table)
    assert (len(project.proxy.requests), waits) == (1, [])


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "Mon, 01 Jun 2026 00:01:00 GMT", "Date": "Mon, 01 Jun 2026 00:00:00 GMT"}, 60),
        ({"Retry-After": "Mon, 01 Jun 2020 00:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "Mon, 01 Jun 2026 00:01:00 GMT", "Date": "today"}, None),
        ({}, None),
    ],
)
def test_retry_after_header_is_read_as_seconds_or_date(said, seconds):
    assert retry.retry_after(said) == seconds


@pytest.mark.parametrize("fault", [faults.unavailable, faults.dropped, faults.web_page, faults.rows_left_out])
def test_unreachable_after_patience_names_host_cause_and_attempts(project, opened, fault):
    table = opened(patience=0.1)
    project.proxy.storm(1, seed=1, faults=[fault])
    with pytest.raises(Unreachable) as error:
        read(table)
    asked = [request.path for request in project.proxy.requests].count(project.proxy.requests[-1].path)
    attempts = f"{asked} attempt{'s' if asked > 1 else ''}"
    start = f"{project.project().host} did not give what it was asked for in {attempts}; the last time: "
    assert str(error.value).startswith(start)


def test_zero_patience_makes_a_single_attempt(project, opened):
    table = opened(patience=0)
    project.proxy.queue(faults.unavailable)
    with pytest.raises(Unreachable, match="in 1 attempt; the last time: 503"):
        read(table)


def test_supabase_address_without_a_server_is_unreachable(project, opened):
    gone = replace(project.project(), url="http://127.0.0.1:9")
    with pytest.raises(Unreachable, match=r"no connection \(.*Connection refused\)"):
        open_supabase(gone, timedelta(seconds=0.1), lambda *_, waiting="": None)


def test_an_answer_that_does_not_come_is_asked_for_again(project, opened, waits, monkeypatch):
    monkeypatch.setattr(rest, "TIMEOUT", 0.5)
    table = opened()
    waits.clear()
    project.proxy.queue(lambda answer: (wait_until(lambda: waits), answer)[1])
    assert read(table) == EVERY
    assert waits[0].partition(" s: ")[2].startswith("no answer within 0.5 s")


def test_page_past_the_statement_timeout_is_requested_in_halves(project, opened):
    """Supabase ends statements after 8 s, and asking for the same thing again would end the same way."""
    table = opened()

    def slow(answer):
        limit = int(project.proxy.requests[-1].path.rpartition("limit=")[2])
        return faults.statement_timeout(answer) if limit > 20 else answer

    project.proxy.storm(1, seed=1, faults=[slow])
    assert read(table) == EVERY


def test_answer_with_silently_missing_rows_is_refused_after_three_readings(project, opened):
    """Neither the JSON nor Content-Range shows it: only the count does."""
    table = opened()

    def without_the_third(answer):
        rows = faults._rows(answer)
        if not any(row.get("id") == "b3" for row in rows):
            return answer
        body = faults.json.dumps([row for row in rows if row["id"] != "b3"]).encode()
        return replace(answer, body=body, headers={**answer.headers, "Content-Range": f"0-{len(rows) - 2}/*"})

    project.proxy.storm(1, seed=1, faults=[without_the_third])
    with pytest.raises(Unreachable, match="has 250 rows where 249 came, and it was read 3 times"):
        read(table)


def test_cache_that_repeats_the_first_page_is_refused(project, opened):
    table = opened(patience=0.1)
    kept = []

    def cached(answer):
        if len(faults._rows(answer)) > 1:
            kept.append(answer)
        return kept[0] if kept else answer

    project.proxy.storm(1, seed=1, faults=[cached])
    with pytest.raises(Unreachable, match="the page before once more"):
        read(table)


def test_digests_of_a_cache_that_ignores_the_filter_do_not_hang(project, opened):
    table = opened(patience=0.1)
    page = b'[{"day": null, "rows": 1, "digest": "1"}, {"day": "2026-05-01", "rows": 1, "digest": "1"}]'
    project.proxy.before = lambda request: (
        project.proxy.storm(1, seed=1, faults=[replace_answer(page, "0-1/9")])
        if "order=updated_at.desc" in request.path  # what is asked before the digests are
        else None
    )
    with table.reading() as reading, pytest.raises(Unreachable, match="the page before once more"):
        reading.digests()


@pytest.mark.parametrize(
    ("body", "content_range", "said"),
    [
        (b"[]", "*/*", "no count where one was asked for"),
        (b'[{"other": 1}]', "0-0/1", "rows without the columns that were asked for"),
        (b'{"id": "b1"}', "0-0/1", "JSON that breaks off or is none"),
        (b'["b1"]', "0-0/1", "JSON that breaks off or is none"),
        (b'[{"id": "\xff"}]', "0-0/1", "JSON that breaks off or is none"),
        (b"", "0-0/1", "JSON that breaks off or is none"),
        (b"[]", "", "rows without saying how many"),
    ],
)
def test_rest_answer_of_an_unexpected_shape_is_refused(project, opened, body, content_range, said):
    table = opened(patience=0.1)
    project.proxy.storm(1, seed=1, faults=[replace_answer(body, content_range)])
    with pytest.raises(Unreachable, match=said):
        read(table)


def replace_answer(body, content_range):
    return lambda answer: replace(answer, status=200, body=body, headers={"Content-Range": content_range})


def test_supabase_key_is_in_no_error_when_the_server_echoes_the_key(project, opened):
    key = project.project().key
    table = opened(patience=0.05)
    for status, error in ((400, SourceDenied), (503, Unreachable)):
        project.proxy.storm(
            1, 1, [lambda answer, status=status: faults._says(answer, status, {"message": f"no {key}", "code": key})]
        )
        with pytest.raises(error) as caught:
            read(table)
        assert key not in "".join(traceback.format_exception(caught.value))
        assert "no (the key)" in str(caught.value)


def test_a_key_that_no_header_can_hold_is_in_no_error(project):
    key = "a\x00b\x7f"
    with pytest.raises(SourceDenied) as caught:
        open_supabase(project.project(key=key), timedelta(seconds=1), lambda *_, waiting="": None)
    assert key not in "".join(traceback.format_exception(caught.value))


def test_debug_log_of_a_reading_holds_no_supabase_key(project, opened, caplog):
    caplog.set_level(0)
    project.proxy.queue(None, faults.dropped, faults.unavailable)
    read(opened())
    assert caplog.text
    assert project.project().key not in caplog.text


# ---- while others write --------------------------------------------------------------------------------------------


def test_writes_between_pages_lose_no_row_that_stays(project, opened, monkeypatch):
    monkeypatch.setattr(span_reader, "REST_PAGE_ROWS", 10)
    monkeypatch.setattr(span_reader, "PAGES_BETWEEN_COUNTS", 5)
    moved, table = iter(range(0, ROWS, 2)), opened()
    touched, late = set(), START + timedelta(days=30)

    def write(request):
        for number, kind in zip((next(moved, None) for _ in range(3)), ("update", "delete", "insert"), strict=True):
            if number is None:
                return
            touched.add(f"b{number}")
            if kind == "update":
                put(project.postgres, {"id": f"b{number}", "updated_at": late + timedelta(seconds=number)})
            elif kind == "delete":
                delete(project.postgres, [f"b{number}"])
            else:
                put(project.postgres, {**BET, "id": f"new{number}", "updated_at": late})

    project.proxy.before = write
    found = read(table)
    stayed = set(EVERY) - touched
    assert sorted(identifier for identifier in found if identifier in stayed) == sorted(stayed)
    assert len(touched) > 60


def test_row_committed_late_behind_the_reading_position_is_fetched(project, opened):
    """The count finds it, and the range is read again."""

    def write(request):
        if "b99" in request.path and "limit=100" in request.path:
            put(project.postgres, {**BET, "id": "late", "updated_at": START})

    table = opened()
    project.proxy.before = write
    assert set(read(table)) == {*EVERY, "late"}


def test_row_written_during_a_reading_is_left_to_the_next_sync(project, opened):
    """Otherwise a writer that is never done would keep us reading for ever."""
    table = opened()

    def write(request):
        number = len(project.proxy.requests)
        put(project.postgres, {**BET, "id": f"w{number}", "updated_at": START + timedelta(days=number)})

    with table.reading() as reading:
        pages = reading.pages(StampWindow())
        project.proxy.before = write
        assert ids(pages) == EVERY


def test_reading_ends_beside_a_busy_writer_despite_a_row_from_the_future(project, opened):
    put(project.postgres, {**BET, "id": "future", "updated_at": "2099-01-01T00:00:00Z"})
    written = []

    def write(request):
        written.append(f"w{len(written)}")
        put(project.postgres, {**BET, "id": written[-1], "updated_at": START + timedelta(days=2)})

    table = opened()
    project.proxy.before = write
    assert set(read(table)) >= {*EVERY, "future"}
    assert len(written) < 40
