"""Latest values in a Supabase project: the real PostgREST, through a gateway that fails, with the key of
docs/supabase.sql.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from feature_repo.errors import ConfigurationError, SourceDenied, Unreachable
from feature_repo.servers.connections import Connections, Redis
from ingestion.database.access import connect
from ingestion.features.refresh import refresh
from ingestion.serving.publish_supabase import publish as publish_supabase
from ingestion.serving.publish_supabase.publish import publish_to_supabase
from ingestion.serving.publish_supabase.tables import TABLES
from ingestion.sources import retry
from ingestion.sources.settings import SourceSettings
from tests.builders.bet_logs import graded
from tests.builders.json_documents import check_documents
from tests.builders.source_table import create_bets
from tests.conftest import REPOSITORY
from tests.ingestion.features.test_refresh import LATER, write_log
from tests.rigs import faults
from tests.rigs.commands import environ_of, pikkit
from tests.rigs.processes import PATIENCE
from tests.rigs.supabase import running_supabase, token

SCRIPT = (REPOSITORY / "docs" / "supabase.sql").read_text()
ROLE = "pikkit_publisher"
SPORTS = [f"S{n}" for n in range(6)]
# Names that a careless URL, filter or comparison trips over.
ODD_NAMES = [
    "a|b",
    "\\N",
    'say "hi"',
    "a,b.c(d)",
    "50%",
    "a&b=c#d?e",
    " lead",
    "日本 🎾",
    "line\nbreak",
    "*",
    "null",
    "\\",
    "a\\",
]


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)


@pytest.fixture
def prepared(supabase):
    """The project after docs/supabase.sql."""
    return _prepared(supabase)


def _prepared(project):
    create_bets(project.postgres)
    with connect(project.postgres, purpose="test", autocommit=True) as connection:
        connection.execute(SCRIPT)
    project.reload()
    project.proxy.requests.clear()
    return project


@pytest.fixture
def publish_to(postgres):
    def publish_to(project, role=ROLE, patience=3600, progress=lambda *told, **waiting: None):
        configured = project.project(role)
        published = publish_to_supabase(postgres, configured, patience=timedelta(seconds=patience), progress=progress)
        return {one.table: one for one in published}

    return publish_to


def load(connection, *batches):
    for batch in batches:
        write_log(connection, batch)
        refresh(connection, run_id=uuid.uuid4(), now=LATER)
    connection.commit()


def bets(sports=SPORTS, first=1, **differs):
    """A won bet for each sport, on two markets in turn."""
    return [
        graded(first + n, f"b{first + n}", sport=sport, market=f"M{n % 2}", **differs) for n, sport in enumerate(sports)
    ]


def held(project_or_store, schema):
    """The rows of the three tables (or views), to the bit."""
    with connect(project_or_store.postgres, purpose="test") as connection:
        return {
            table.name: sorted(
                connection.execute(f"select {', '.join(table.columns)} from {schema}.{table.name}").fetchall(), key=repr
            )
            for table in TABLES
        }


def is_equal(project, postgres):
    return held(project, "public") == held(_store(postgres), "features")


def counts(published):
    return {
        table.removeprefix("feature_"): (p.inserted, p.updated, p.unchanged, p.deleted)
        for table, p in published.items()
    }


def writes(project):
    return [request for request in project.proxy.requests if request.method != "GET"]


# ---- what is copied ------------------------------------------------------------------------------------------------


def test_publishing_to_an_empty_project_sends_every_row(prepared, publish_to, database, postgres):
    load(database, bets())
    published = publish_to(prepared)
    assert counts(published) == {
        "sport_stats": (6, 0, 0, 0), "sport_market_stats": (6, 0, 0, 0), "institution_stats": (1, 0, 0, 0)
    }  # fmt: skip
    assert is_equal(prepared, postgres)


def test_publishing_unchanged_rows_again_sends_nothing(prepared, publish_to, database):
    load(database, bets())
    publish_to(prepared)
    prepared.proxy.requests.clear()
    published = publish_to(prepared)
    assert counts(published) == {
        "sport_stats": (0, 0, 6, 0), "sport_market_stats": (0, 0, 6, 0), "institution_stats": (0, 0, 1, 0)
    }  # fmt: skip
    assert writes(prepared) == []


def test_publishing_sends_only_rows_that_differ(prepared, publish_to, database, postgres):
    load(database, bets())
    publish_to(prepared)
    with connect(prepared.postgres, purpose="test") as target:
        written = "select sport, xmin::text from public.feature_sport_stats"
        before = dict(target.execute(written).fetchall())
        target.commit()
        load(database, [graded(50, "c", "SETTLED_LOSS", sport="S3", market="M1")])
        published = publish_to(prepared)
        after = dict(target.execute(written).fetchall())
    assert counts(published)["sport_stats"] == (0, 1, 5, 0)
    assert [sport for sport in before if before[sport] != after[sport]] == ["S3"]
    assert is_equal(prepared, postgres)


def test_publishing_deletes_a_vanished_group_after_every_upsert(prepared, publish_to, database, postgres):
    load(database, bets())
    publish_to(prepared)
    prepared.proxy.requests.clear()
    load(database, [graded(50, "b1", sport="new", market="M0", previous_seq=1)])
    published = publish_to(prepared)
    assert counts(published)["sport_stats"] == (1, 0, 5, 1)
    methods = [request.method for request in writes(prepared)]
    assert methods == sorted(methods, reverse=True)  # POST ... DELETE
    assert is_equal(prepared, postgres)


def test_publishing_a_store_without_remaining_bets_empties_the_published_tables(
    prepared, publish_to, database, postgres
):
    load(database, bets())
    publish_to(prepared)
    gone = [graded(50 + n, f"b{n}", is_deleted=True, previous_seq=n, sport=f"S{n - 1}") for n in range(1, 7)]
    load(database, gone)
    publish_to(prepared)
    assert held(prepared, "public") == {table.name: [] for table in TABLES}


@pytest.mark.parametrize("cap", [1000, 3])
def test_groups_with_names_of_any_spelling_are_published_and_deleted(clone, publish_to, database, postgres, cap):
    """In pages of three rows too: there each name is the place that a page goes on from."""
    load(database, bets(ODD_NAMES))
    with running_supabase(clone(None), max_rows=cap) as project:
        _prepared(project)
        publish_to(project)
        assert is_equal(project, postgres)
        assert all(not one.changed for one in publish_to(project).values())
        gone = [
            {**bet, "seq": bet["seq"] + 50, "is_deleted": True, "previous_seq": bet["seq"]} for bet in bets(ODD_NAMES)
        ]
        load(database, [bet | {"known_at": bet["known_at"] + timedelta(hours=1)} for bet in gone[:-1]])
        publish_to(project)
        assert [sport for sport, *_ in held(project, "public")["feature_sport_stats"]] == [ODD_NAMES[-1]]


def test_published_floats_and_instants_read_back_unchanged(prepared, publish_to, database, postgres):
    dice = random.Random(1)
    values = [1 / 3, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, 1e16, *(dice.uniform(-1, 1) for _ in range(200))]
    load(database, bets([f"S{n}" for n in range(len(values))]))
    for n, value in enumerate(values):
        database.execute("update features.sport_stats_changes set sport_roi = %s where sport = %s", [value, f"S{n}"])
    database.commit()
    publish_to(prepared)
    assert is_equal(prepared, postgres)
    assert all(not one.changed for one in publish_to(prepared).values())


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_nan_and_infinity_are_published_as_null(prepared, publish_to, database, value):
    load(database, bets(["a"]))
    database.execute("update features.sport_stats_changes set sport_roi = %s", [value])
    database.commit()
    publish_to(prepared)
    ((_, _, roi, *_),) = held(prepared, "public")["feature_sport_stats"]
    assert roi is None
    assert publish_to(prepared)["feature_sport_stats"].unchanged == 1


def test_publishing_replaces_rows_that_somebody_changed_in_supabase(prepared, publish_to, database, postgres):
    load(database, bets())
    publish_to(prepared)
    with connect(prepared.postgres, purpose="test", autocommit=True) as target:
        target.execute("insert into public.feature_sport_stats (sport, updated_at) values ('', 'infinity')")
        target.execute(
            "update public.feature_sport_stats set total_profit = 'NaN', updated_at = 'infinity' where sport = 'S1'"
        )
        target.execute(
            "update public.feature_sport_market_stats set win_rate = 0.5, updated_at = null where sport = 'S2'"
        )
    assert counts(publish_to(prepared)) == {
        "sport_stats": (0, 1, 5, 1), "sport_market_stats": (0, 1, 5, 0), "institution_stats": (0, 0, 1, 0)
    }  # fmt: skip
    assert is_equal(prepared, postgres)


def test_published_tables_may_stand_in_another_schema(clone, database, postgres):
    load(database, bets())
    target = clone(None)
    with connect(target, purpose="test", autocommit=True) as connection:
        connection.execute("create schema other")
    with running_supabase(target, schemas="public,other") as project:
        create_bets(target)
        with connect(target, purpose="test", autocommit=True) as connection:
            moved = SCRIPT.replace("public.feature_", "other.feature_").replace("'public.'", "'other.'")
            connection.execute(moved.replace("on schema public", "on schema other"))
        project.reload()
        publish_to_supabase(postgres, project.project(ROLE, schema="other"), patience=timedelta(hours=1))
        assert held(project, "other") == held(_store(postgres), "features")


def test_simultaneous_publications_take_turns(prepared, publish_to, database, postgres):
    load(database, bets())
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: counts(publish_to(prepared))["sport_stats"], range(2)))
    assert sorted(both) == [(0, 0, 6, 0), (6, 0, 0, 0)]


def test_publishing_holds_no_transaction_open_during_requests(prepared, publish_to, database, postgres):
    """A slow project must not keep the store from cleaning up behind its writers."""
    load(database, bets())
    query = "select distinct state from pg_stat_activity where application_name = 'pikkit publish-supabase'"
    states = []
    with connect(postgres, purpose="test", autocommit=True) as watcher:
        prepared.proxy.before = lambda request: states.extend(watcher.execute(query).fetchall())
        publish_to(prepared)
    assert set(states) == {("idle",)}


# ---- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_publication_through_a_failing_gateway_gives_equal_tables(
    prepared, publish_to, database, postgres, monkeypatch, seed
):
    monkeypatch.setattr(publish_supabase, "ROWS_PER_UPSERT", 5)
    load(database, bets([f"S{n}" for n in range(23)]))
    prepared.proxy.storm(0.4, seed)
    publish_to(prepared, patience=3600)
    gone = [graded(50 + n, f"b{n}", is_deleted=True, previous_seq=n, sport=f"S{n - 1}") for n in range(1, 9)]
    load(database, gone)
    publish_to(prepared, patience=3600)
    prepared.proxy.storm(0, seed)
    assert prepared.proxy.injected
    assert is_equal(prepared, postgres)
    assert all(not one.changed for one in publish_to(prepared).values())


def test_publication_resends_a_write_answered_by_a_web_page(prepared, publish_to, database, postgres):
    """A gateway's own page has status 200 too, and then nobody knows whether the rows arrived."""
    load(database, bets())
    prepared.proxy.queue(None, None, None, faults.web_page)
    publish_to(prepared)
    assert len(writes(prepared)) == 4
    assert is_equal(prepared, postgres)


def test_publication_rereads_a_page_that_silently_lacks_a_row(prepared, publish_to, database):
    """The row would be taken for missing, and sent; or for gone, and stay."""

    def lacking_one(answer):
        rows = json.loads(answer.body)
        del rows[2]
        headers = {**answer.headers, "Content-Range": f"0-{len(rows) - 1}/{len(rows) + 1}"}
        return replace(answer, body=json.dumps(rows).encode(), headers=headers)

    load(database, bets())
    publish_to(prepared)
    prepared.proxy.requests.clear()
    prepared.proxy.queue(lacking_one)
    assert all(not one.changed for one in publish_to(prepared).values())
    assert writes(prepared) == []


def test_publication_reports_a_wait_with_the_cause(prepared, publish_to, database):
    load(database, bets())
    told = []
    prepared.proxy.queue(None, None, None, faults.unavailable)
    publish_to(prepared, progress=lambda *step, waiting="": told.append(waiting))
    assert any("503" in waiting for waiting in told)


def test_rows_left_by_a_killed_publication_are_sent_by_the_next(
    prepared, publish_to, database, postgres, monkeypatch, tmp_path
):
    """It dies at its second batch of 500, which arrived although nobody was told."""
    load(database, bets([f"S{n}" for n in range(1200)]))
    environ = _environ(prepared, postgres, tmp_path)
    process = []

    def kill(request):
        if len(writes(prepared)) == 2:
            process[0].kill()

    prepared.proxy.before = kill
    process.append(_started(environ, tmp_path))
    assert process[0].wait(PATIENCE) < 0
    prepared.proxy.before = lambda request: None
    before = held(prepared, "public")["feature_sport_stats"]
    assert len(before) in (500, 1000)
    published = publish_to(prepared)
    assert published["feature_sport_stats"].unchanged == len(before)
    assert is_equal(prepared, postgres)


def test_a_row_refused_by_the_project_ends_the_publication_with_the_rows_done(
    prepared, publish_to, database, monkeypatch
):
    monkeypatch.setattr(publish_supabase, "ROWS_PER_UPSERT", 2)
    load(database, bets())
    with connect(prepared.postgres, purpose="test", autocommit=True) as target:
        target.execute("alter table public.feature_sport_stats add constraint no_s4 check (sport <> 'S4')")
    with pytest.raises(SourceDenied) as refused:
        publish_to(prepared)
    assert "no_s4" in refused.value.what
    assert "feature_sport_stats: 4 of 6 rows sent" in refused.value.state
    assert [sport for sport, *_ in held(prepared, "public")["feature_sport_stats"]] == ["S0", "S1", "S2", "S3"]
    with connect(prepared.postgres, purpose="test", autocommit=True) as target:
        target.execute("alter table public.feature_sport_stats drop constraint no_s4")
    assert counts(publish_to(prepared))["sport_stats"] == (2, 0, 4, 0)


def test_a_project_without_the_tables_is_refused_at_once(supabase, publish_to, database):
    load(database, bets())
    with pytest.raises(SourceDenied, match=r"docs/supabase\.sql") as refused:
        publish_to(supabase, "service_role")
    assert "feature_sport_stats" in refused.value.what
    assert len(supabase.proxy.requests) == 1


@pytest.mark.parametrize("role", ["anon", "authenticated", "nobody"])
def test_a_key_without_the_rights_is_refused_at_once_and_not_shown(prepared, publish_to, database, role):
    """`nobody` is a key that the gateway itself does not know."""
    load(database, bets())
    with pytest.raises(SourceDenied, match=r"docs/supabase\.sql") as refused:
        publish_to(prepared, role)
    assert len(prepared.proxy.requests) == 1
    assert token(role) not in repr(refused.value) + str(refused.value)


def test_publication_by_a_read_only_role_is_refused_with_nothing_published(prepared, publish_to, database):
    load(database, bets())
    with connect(prepared.postgres, purpose="test", autocommit=True) as target:
        for table in TABLES:
            target.execute(f"grant select on public.{table.name} to authenticated")
    with pytest.raises(SourceDenied, match="Nothing was published") as refused:
        publish_to(prepared, "authenticated")
    assert "docs/supabase.sql" in refused.value.next_step


def test_a_project_that_does_not_answer_is_unreachable_when_patience_ends(prepared, publish_to, database):
    load(database, bets())
    prepared.proxy.storm(1, 0, [faults.unavailable])
    with pytest.raises(Unreachable, match="Nothing was published"):
        publish_to(prepared, patience=1)


def test_a_store_that_was_never_refreshed_has_nothing_to_publish(prepared, publish_to):
    with pytest.raises(ConfigurationError, match="never refreshed"):
        publish_to(prepared)
    assert prepared.proxy.requests == []


def test_publishing_from_a_store_with_pending_migrations_is_refused(prepared, blank_postgres):
    with pytest.raises(ConfigurationError, match="pikkit migrate"):
        publish_to_supabase(blank_postgres, prepared.project(ROLE), patience=timedelta(seconds=1))


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({}, "SUPABASE_URL and SUPABASE_PUBLISH_KEY are not set"),
        ({"SUPABASE_URL": "https://a.supabase.co", "SUPABASE_KEY": "k"}, "SUPABASE_PUBLISH_KEY is not set"),
    ],
)
def test_missing_settings_of_a_publication_are_named(environ, missing):
    with pytest.raises(ConfigurationError, match=missing):
        publish_supabase.configured_project(SourceSettings.load(environ))


# ---- the command ---------------------------------------------------------------------------------------------------


def _environ(project, postgres, home):
    settings = {name: value for name, value in project.environ(ROLE).items() if name != "SUPABASE_KEY"}
    return environ_of(_store(postgres), home, **settings)


def _store(postgres):
    """The store as the command needs it: without a Redis that answers."""
    return Connections(postgres, Redis("redis://127.0.0.1:1/0"), embedded=False)


def _started(environ, cwd):
    return subprocess.Popen([sys.executable, "-m", "ingestion", "publish-supabase"], env=environ, cwd=cwd)


def test_publish_supabase_prints_the_changed_rows(prepared, database, postgres, tmp_path):
    load(database, bets())
    environ = _environ(prepared, postgres, tmp_path)
    first = pikkit("publish-supabase", environ=environ, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[-1].startswith("13 rows changed in public of 127.0.0.1")
    second = pikkit("publish-supabase", "--json", environ=environ, cwd=tmp_path)
    assert json.loads(second.stdout)[0] == {
        "table": "feature_sport_stats", "rows": 6, "inserted": 0, "updated": 0, "unchanged": 6, "deleted": 0
    }  # fmt: skip
    check_documents("publish-supabase", json.loads(second.stdout))
    third = pikkit("publish-supabase", environ=environ, cwd=tmp_path)
    assert third.stdout.splitlines()[-1].startswith("Nothing changed in public of 127.0.0.1")


def test_publish_command_with_a_wrong_key_exits_2_without_printing_the_key(prepared, database, postgres, tmp_path):
    load(database, bets())
    environ = _environ(prepared, postgres, tmp_path) | {"SUPABASE_PUBLISH_KEY": "not-the-key"}
    ended = pikkit("publish-supabase", environ=environ, cwd=tmp_path)
    assert ended.returncode == 2
    assert "docs/supabase.sql" in ended.stderr
    assert "not-the-key" not in ended.stdout + ended.stderr


def test_publish_command_names_the_missing_settings(postgres, tmp_path):
    ended = pikkit("publish-supabase", environ=environ_of(_store(postgres), tmp_path), cwd=tmp_path)
    assert ended.returncode == 2
    assert "SUPABASE_URL and SUPABASE_PUBLISH_KEY" in ended.stderr
