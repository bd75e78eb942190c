"""`pikkit doctor` finds what is wrong with the tables that bets come from, and shows no secret of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from psycopg.conninfo import make_conninfo

from feature_repo.servers.connections import Connections, Postgres
from ingestion.doctor.doctor import Check, examine
from ingestion.doctor.settings import check_settings
from ingestion.doctor.sources import check_clock_of, check_sources
from ingestion.sources.settings import SourceSettings
from tests.builders.bet_files import bet
from tests.builders.source_table import create_bets, put
from tests.rigs.commands import by_name, verdicts
from tests.rigs.supabase import Supabase, install_functions
from tests.rigs.trouble import a_role_with_a_password, closed_port, execute

STAMPING = """
    create function stamp() returns trigger language plpgsql as $$ begin new.updated_at = now(); return new; end $$;
    create trigger stamp before update on bets for each row execute function stamp()
"""


@pytest.fixture
def bets(blank_postgres: Postgres) -> Postgres:
    create_bets(blank_postgres)
    execute(blank_postgres, STAMPING)
    put(blank_postgres, bet("b1"))
    return blank_postgres


@pytest.fixture
def reader(servers: Connections, bets: Postgres) -> Iterator[str]:
    with a_role_with_a_password(servers) as role:
        execute(bets, f"grant select on bets to {role}")
        yield role
        execute(bets, f"drop owned by {role}")


@pytest.fixture
def look(bets: Postgres, reader: str) -> Callable[..., dict[str, Check]]:
    def look(**differs: str) -> dict[str, Check]:
        conninfo = make_conninfo(**bets.conninfo | {"user": reader, "password": "correct"} | differs)
        return checked({"SOURCE_POSTGRES_URL": conninfo})

    return look


def checked(environ: dict[str, str]) -> dict[str, Check]:
    return by_name(check_sources(SourceSettings.load(environ), timedelta(0)))


# ---- Postgres ------------------------------------------------------------------------------------------------------


def test_sound_source_table_passes_every_check(look: Callable[..., dict[str, Check]]) -> None:
    checks = look()
    assert {check.verdict for check in checks.values()} == {"ok"}
    assert "1 row" in checks["source table"].found
    assert "raw_json" in checks["source table"].found


@pytest.mark.parametrize(
    ("change", "check", "verdict", "told"),
    [
        ("drop index bets_updated_at_id_idx", "source index", "warn", "(updated_at, id)"),
        ("drop trigger stamp on bets", "source updates", "warn", "no trigger"),
        ("alter table bets disable trigger stamp", "source updates", "warn", "no trigger"),
        ("alter table bets drop constraint bets_pkey", "source ids", "warn", "there is no unique index on id"),
        (
            "alter table bets drop constraint bets_pkey; alter table bets alter id drop not null; "
            "insert into bets (id) values ('b1'), ('b2'), ('b2'), (null), (null)",
            "source ids",
            "warn",
            "2 ids have more than one row",
        ),
        ("grant insert, truncate on bets to {role}", "source rights", "warn", "insert, truncate"),
        ("delete from bets", "source table", "warn", "0 rows"),
        (
            "alter table bets enable row level security; create policy p on bets using (sport = 'Golf')",
            "source rows",
            "warn",
            "row level security may hide rows",
        ),
        ("alter table bets enable row level security", "source table", "FAIL", "hides every row"),
        ("alter table bets drop column profit", "source table", "FAIL", "lacks the column profit"),
        ("alter table bets rename to others", "source table", "FAIL", "there is no such table"),
        ("revoke select on bets from {role}", "source table", "FAIL", "may not read id"),
        ("revoke usage on schema public from public", "source Postgres", "FAIL", "permission denied"),
    ],
)
def test_fault_of_the_source_table_is_named(
    bets: Postgres,
    reader: str,
    look: Callable[..., dict[str, Check]],
    change: str,
    check: str,
    verdict: str,
    told: str,
) -> None:
    execute(bets, change.replace("{role}", reader))
    found = look()[check]
    assert (found.verdict, told in found.found) == (verdict, True), found.found
    assert found.exit_code == (2 if verdict == "FAIL" else 0)


def test_source_index_check_passes_after_the_advised_index_is_created(
    bets: Postgres, look: Callable[..., dict[str, Check]]
) -> None:
    execute(bets, "drop index bets_updated_at_id_idx")
    execute(bets, look()["source index"].found.partition("there: ")[2].removesuffix("."))
    assert look()["source index"].verdict == "ok"


def test_refused_source_login_fails_with_2_and_an_unreachable_source_server_with_4(
    look: Callable[..., dict[str, Check]],
) -> None:
    refused = look(password="hunter2")["source Postgres"]
    silent = look(host="127.0.0.1", port=closed_port(), password="hunter2")["source Postgres"]
    assert (refused.verdict, refused.exit_code) == ("FAIL", 2)
    assert (silent.verdict, silent.exit_code) == ("FAIL", 4)
    assert "hunter2" not in refused.found + silent.found


@pytest.mark.parametrize(
    ("seconds", "verdict", "word"), [(40, "ok", "ahead"), (90, "warn", "ahead"), (-90, "warn", "")]
)
def test_a_clock_that_is_a_minute_off_is_a_warning(seconds: float, verdict: str, word: str) -> None:
    asked = datetime(2026, 5, 24, tzinfo=UTC)
    check = check_clock_of("source", asked + timedelta(seconds=1 + seconds), asked, asked + timedelta(seconds=2))
    assert (check.verdict, word in check.found) == (verdict, True)


# ---- Supabase ------------------------------------------------------------------------------------------------------


def test_sound_supabase_project_passes_every_check(supabase: Supabase) -> None:
    create_bets(supabase.postgres)
    put(supabase.postgres, bet("b1"), bet("b2"))
    install_functions(supabase)
    execute(supabase.postgres, STAMPING)
    checks = checked(supabase.environ("authenticated"))
    assert {check.verdict for check in checks.values()} == {"ok"}
    assert "2 rows" in checks["Supabase table"].found
    assert "raw_json" in checks["Supabase table"].found
    assert "Supabase clock" in checks


def test_doctor_without_the_digest_functions_warns_that_rest_shows_no_trigger_or_index(supabase: Supabase) -> None:
    create_bets(supabase.postgres)
    checks = checked(supabase.environ("authenticated"))
    assert "is not to be seen over REST" in checks["Supabase updates"].found
    assert checks["Supabase updates"].verdict == "warn"
    assert "whether an index keeps them from it is not known" in checks["Supabase ids"].found


def test_doctor_reports_a_missing_stamp_trigger_over_rest_by_the_installed_function(supabase: Supabase) -> None:
    create_bets(supabase.postgres)
    install_functions(supabase)
    checks = checked(supabase.environ("authenticated"))
    assert ("no trigger" in checks["Supabase updates"].found, checks["Supabase ids"].verdict) == (True, "ok")


@pytest.mark.parametrize("has_functions", [False, True])
def test_doctor_warns_of_repeated_ids_over_rest(supabase: Supabase, has_functions: bool) -> None:
    create_bets(supabase.postgres)
    execute(supabase.postgres, "alter table bets drop constraint bets_pkey")
    execute(supabase.postgres, "insert into bets (id) select 'b' || n from generate_series(1, 1500) as n")
    if has_functions:
        install_functions(supabase)
    assert checked(supabase.environ("authenticated"))["Supabase ids"].verdict == "ok"
    execute(supabase.postgres, "insert into bets (id) values ('b1'), ('b1'), ('b999')")
    check = checked(supabase.environ("authenticated"))["Supabase ids"]
    assert (check.verdict, "2 have more than one row" in check.found) == ("warn", True)


def test_doctor_warns_of_a_supabase_key_with_the_service_role(supabase: Supabase) -> None:
    create_bets(supabase.postgres)
    assert checked(supabase.environ("service_role"))["Supabase rights"].verdict == "warn"


def test_wrong_supabase_key_or_table_fails_with_2_and_a_wrong_address_with_4(supabase: Supabase) -> None:
    create_bets(supabase.postgres)
    good = supabase.environ()
    key = checked(good | {"SUPABASE_KEY": "eyJ-hunter2"})["Supabase"]
    table = checked(good | {"SUPABASE_TABLE": "nowhere"})["Supabase"]
    gone = checked(good | {"SUPABASE_URL": f"http://127.0.0.1:{closed_port()}"})["Supabase"]
    assert [check.exit_code for check in (key, table, gone)] == [2, 2, 4]
    assert "hunter2" not in key.found


# ---- settings ------------------------------------------------------------------------------------------------------


def test_settings_are_shown_without_secrets() -> None:
    checks = by_name(
        check_settings(
            {
                "SUPABASE_URL": "https://hunter1@abc.supabase.co",
                "SUPABASE_KEY": "hunter2",
                "SUPABASE_PUBLISH_KEY": "hunter3",
                "SOURCE_POSTGRES_URL": "postgresql://role:hunter4@db.abc.example:6543/postgres?sslmode=require",
            }
        )
    )
    assert "hunter" not in " ".join(check.found for check in checks.values())
    assert checks["SUPABASE_URL"].found.startswith("https://***@abc.supabase.co")
    assert checks["SUPABASE_KEY"].found.startswith("***")
    assert "db.abc.example:6543/postgres" in checks["SOURCE_POSTGRES_URL"].found
    assert checks["SUPABASE_TABLE"].found == "bets (default)."


@pytest.mark.parametrize(
    "address", ["postgresql://role:hun@ter@127.0.0.1/db", "postgresql://role:hun/ter@127.0.0.1/db", "password=hunter"]
)
def test_no_part_of_a_password_is_shown_however_the_address_is_spelled(address: str) -> None:
    found = by_name(check_settings({"SOURCE_POSTGRES_URL": address}))["SOURCE_POSTGRES_URL"].found
    assert "hun" not in found
    assert "ter@" not in found


def test_doctor_checks_the_source_table_where_no_store_runs(
    bets: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> None:
    environ = {
        "PIKKIT_HOME": str(tmp_path_factory.mktemp("empty") / "home"),
        "SOURCE_POSTGRES_URL": make_conninfo(**bets.conninfo),
    }
    assert by_name(examine(environ))["source table"].verdict == "ok"


def test_doctor_without_a_configured_source_reports_no_source_check() -> None:
    assert verdicts(check_sources(SourceSettings.load({}))) == {}
