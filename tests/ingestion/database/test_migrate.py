"""A store is brought up to date once, in order, whole migrations at a time, whoever else tries meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import ConfigurationError
from feature_repo.postgres.queries import feast_statement
from feature_repo.servers.connections import Postgres
from ingestion.database import migrate as migrations
from ingestion.database.access import connect
from ingestion.database.migrate import apply_migrations, create_registry, pending
from ingestion.features.feature_versions import redefined_features
from tests.conftest import REPOSITORY

SHIPPED = sorted(file.stem for file in (REPOSITORY / "ingestion" / "sql" / "migrations").glob("*.sql"))

# The hashes of commit e3a66e2 under Python 3.11, which covered the text of modules.
HASHED_CODE = {
    "sport_stats": "32d6bcc39cbdfbbf8449c2c4798a81bd3f61861000eae02307688f37885a732e",
    "sport_market_stats": "13a3c83d824e93402dd6aef3926c5f6fcde3060134e81bac412a7f723c8f0652",
    "sport_market_recent": "5a227e607d30cf576c11718d6d0a96b0ba87749177840cc08a1aaebb88565317",
    "sport_league_stats": "b15bfeac2d8d3287a62f4f8a4cb22843a9af4c1de5294e7738decbe992a5b7ea",
    "sport_league_market_stats": "247e87a4e5d6bc93302bbb4373ee68e4d393d97ceab31d29e96466375a7a4269",
    "institution_stats": "61d92209e18909ce8204584a9283e9b2a2cf57a9a77024e4738511d154f388df",
    "bet_facts": "92eae6bedd57617bf56df3a76b5f0552561b75ccded22b9e117bd4e29809facb",
    "bet_closing_line": "93652c4d1197cf16572d523fbb133b218dc52950091fc990b8776e46aa669fdf",
}


@pytest.fixture
def blank(blank_postgres: Postgres) -> Iterator[psycopg.Connection]:
    with connect(blank_postgres, purpose="test") as connection:
        yield connection


def test_a_blank_database_gets_every_migration_in_order(blank: psycopg.Connection) -> None:
    assert pending(blank) == SHIPPED
    assert apply_migrations(blank) == SHIPPED


def test_migrated_store_has_no_pending_migration(database: psycopg.Connection) -> None:
    assert (pending(database), apply_migrations(database)) == ([], [])


def test_migrations_refuse_to_be_part_of_a_larger_transaction(blank: psycopg.Connection) -> None:
    blank.execute("select 1")
    with pytest.raises(ValueError, match="no transaction open"):
        apply_migrations(blank)


def test_look_for_pending_migrations_changes_nothing(blank: psycopg.Connection) -> None:
    pending(blank)
    assert blank.execute("select to_regnamespace('ops')").fetchone() == (None,)


def test_simultaneous_migrations_apply_each_migration_once(blank_postgres: Postgres) -> None:
    def one(_: int) -> list[str]:
        with connect(blank_postgres, purpose="test") as connection:
            return apply_migrations(connection)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(one, range(4))) == [[], [], [], SHIPPED]


def test_failed_migration_leaves_earlier_migrations(
    blank: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(
        monkeypatch, tmp_path, {"0001_good": "create table good ();", "0002_bad": "create table half (); select 1 / 0;"}
    )
    with pytest.raises(psycopg.errors.DivisionByZero):
        apply_migrations(blank)
    assert blank.execute("select to_regclass('good') is null, to_regclass('half') is null").fetchone() == (False, True)
    assert pending(blank) == ["0002_bad"]


def test_an_applied_migration_that_was_edited_is_refused(
    blank: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(monkeypatch, tmp_path, {"0001_a": "select 1;"})
    apply_migrations(blank)
    ship(monkeypatch, tmp_path, {"0001_a": "select 2;"})
    with pytest.raises(ConfigurationError, match="0001_a"):
        apply_migrations(blank)


def test_store_with_an_unknown_newer_migration_is_refused(
    blank: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(monkeypatch, tmp_path, {"0001_a": "select 1;", "0002_b": "select 1;"})
    apply_migrations(blank)
    (tmp_path / "0002_b.sql").unlink()
    with pytest.raises(ConfigurationError, match="0002_b"):
        pending(blank)


def test_failed_migration_releases_the_migration_lock(
    blank: psycopg.Connection, blank_postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(monkeypatch, tmp_path, {"0001_bad": "select 1 / 0;"})
    with pytest.raises(psycopg.errors.DivisionByZero):
        apply_migrations(blank)
    ship(monkeypatch, tmp_path, {"0001_bad": "select 1;"})
    with connect(blank_postgres, purpose="other") as other:
        other.execute("set lock_timeout = '5s'")
        other.commit()
        assert apply_migrations(other) == ["0001_bad"]


def test_rows_published_before_gates_existed_may_still_be_served(
    blank: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {name: (migrations.FOLDER / f"{name}.sql").read_text() for name in SHIPPED}
    ship(monkeypatch, tmp_path, {name: text for name, text in texts.items() if name < "0006"})
    apply_migrations(blank)
    blank.execute(
        """
        insert into ops.runs (run_id, verb, state, code_version, now, started_at)
        values ('00000000-0000-7000-8000-000000000001', 'run', 'done', '0', '2026-05-01', now());
        insert into features.reach (seq, refreshed_at, run_id)
        values (2, '2026-05-01', '00000000-0000-7000-8000-000000000001');
        insert into features.sport_stats_changes (sport, event_timestamp, created_timestamp, run_id, sport_win_rate)
        values ('Soccer', '2026-05-01', '2026-05-01', '00000000-0000-7000-8000-000000000001', 0.5);
        insert into processed.bet_versions (
            seq, run_id, id, bet_type, status, sport, is_settled, updated_at, known_at, previous_seq, is_current
        ) values
            (1, gen_random_uuid(), 'a', 'parlay', 'PENDING', 'Tennis', false, '2026-05-01', '2026-05-01', null, false),
            (2, gen_random_uuid(), 'a', 'parlay', 'SETTLED_VOID', 'Soccer', true, '2026-05-01', '2026-05-01', 1, false),
            (3, gen_random_uuid(), 'a', 'parlay', 'PENDING', 'Rugby', false, '2026-05-01', '2026-05-01', 2, true);
        """
    )
    blank.commit()
    ship(monkeypatch, tmp_path, texts)
    apply_migrations(blank)
    judged = blank.execute("select state, since_seq, until_seq from ops.gates").fetchall()
    assert judged == [("overridden", 0, 2)]
    sealed = "select view, rows, checksum from ops.seals"
    digests = "select 'sport_stats', rows, checksum from features.digests('sport_stats', null)"
    assert blank.execute(sealed).fetchall() == blank.execute(digests).fetchall()
    assert blank.execute("select sport, bets, settled, without_price from features.bet_counts").fetchall() == [
        ("Soccer", 1, 1, 1)
    ]
    # The gate of a materialization asks for the lineage record too.
    assert blank.execute("select job, event_type from ops.lineage_events order by position").fetchall() == [
        ("run", "START"),
        ("features.sport_stats", "COMPLETE"),
    ]
    assert blank.execute(feast_statement("unsound_runs"), {"view": "sport_stats", "runs": None}).fetchall() == []


def test_migrated_bets_stay_with_the_last_table_and_retried_bets_with_the_file(
    blank: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {name: (migrations.FOLDER / f"{name}.sql").read_text() for name in SHIPPED}
    ship(monkeypatch, tmp_path, {name: text for name, text in texts.items() if name < "0008"})
    apply_migrations(blank)
    for seq, (bet, source) in enumerate(
        [
            ("table", "file:a.csv"), ("table", "postgres:x"),
            ("both", "postgres:x"), ("both", "supabase:y"), ("both", "file:a.csv"), ("both", "quarantine"),
            ("file", "file:a.csv"), ("file", "file:b.csv"),
            ("retried", "file:a.csv"), ("retried", "quarantine"), ("retried", "quarantine"), (None, "postgres:x"),
        ]
    ):  # fmt: skip
        blank.execute(
            "insert into raw.bet_versions (seq, batch_id, id, content_hash, payload, source, received_at)"
            " values (%s, gen_random_uuid(), %s, %s, '{}', %s, now())",
            [seq, bet, str(seq).encode(), source],
        )
    blank.commit()
    ship(monkeypatch, tmp_path, texts)
    apply_migrations(blank)
    assert blank.execute("select id, stream, payload from raw.shown_bets order by id").fetchall() == [
        ("both", "supabase:y", None),
        ("retried", "file:a.csv", None),
    ]


def test_rows_of_the_last_hashed_code_wait_for_no_backfill_and_older_rows_do(
    blank: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {name: (migrations.FOLDER / f"{name}.sql").read_text() for name in SHIPPED}
    ship(monkeypatch, tmp_path, {name: text for name, text in texts.items() if name < "0015"})
    apply_migrations(blank)
    for view in STORED_VIEWS:
        blank.execute(
            "insert into features.feature_metadata select feature, 1, %s, 'batch', %s, 0, 0, now()"
            " from unnest(%s::text[]) as feature",
            [view.name, HASHED_CODE[view.name], list(view.features)],
        )
    blank.execute("update features.feature_metadata set definition_hash = 'older' where view = 'sport_stats'")
    blank.commit()
    ship(monkeypatch, tmp_path, texts)
    apply_migrations(blank)
    # Beside sport_stats stand the views with a definition that changed after 0015.
    assert {feature.partition(".")[0] for feature in redefined_features(blank)} == {"sport_stats"}


def test_migration_0016_keeps_the_watermarks_of_an_older_store(
    blank: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {name: (migrations.FOLDER / f"{name}.sql").read_text() for name in SHIPPED}
    ship(monkeypatch, tmp_path, {name: text for name, text in texts.items() if name < "0016"})
    apply_migrations(blank)
    blank.execute(
        """
        insert into features.reach (seq, refreshed_at, run_id)
        values (2, '2026-05-02', '00000000-0000-7000-8000-000000000001');
        insert into features.sport_stats_changes (sport, event_timestamp, created_timestamp, run_id, sport_win_rate)
        values ('Soccer', '2026-05-01', '2026-05-01', '00000000-0000-7000-8000-000000000001', 0.5);
        insert into ops.materializations (view, refreshed_at, seq, finished_at)
        values ('sport_stats', '2026-05-02', 2, '2026-05-02');
        insert into ops.sync_state (stream, high_water_mark) values ('file:a.csv', '2026-05-01');
        """
    )
    carried_forward = "select sport, event_timestamp, sport_win_rate from features.sport_stats order by 2"
    before = blank.execute(carried_forward).fetchall()
    blank.commit()
    ship(monkeypatch, tmp_path, texts)
    apply_migrations(blank)
    assert len(before) == 2
    assert blank.execute(carried_forward).fetchall() == before
    watermarks = """
        select features.watermark.log_position, features_watermark::date::text, materializations.log_position,
            online_watermark::date::text, source_watermark::date::text
        from features.watermark, ops.materializations, ops.sync_state
    """
    assert blank.execute(watermarks).fetchall() == [(2, "2026-05-02", 2, "2026-05-02", "2026-05-01")]


def test_migration_0021_counts_the_rows_of_an_older_store_up_to_the_log_position(
    blank: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {name: (migrations.FOLDER / f"{name}.sql").read_text() for name in SHIPPED}
    ship(monkeypatch, tmp_path, {name: text for name, text in texts.items() if name < "0021"})
    apply_migrations(blank)
    blank.execute(
        """
        insert into features.watermark (log_position, features_watermark, run_id)
        values (2, '2026-05-02', '00000000-0000-7000-8000-000000000001');
        insert into processed.bet_versions (seq, run_id, id, bet_type, status, updated_at, known_at)
        select seq, gen_random_uuid(), 'b' || seq, 'straight', 'PENDING', '2026-05-01', '2026-05-01'
        from generate_series(1, 3) as seq;
        insert into features.bet_facts_changes (bet_id, event_timestamp, created_timestamp, run_id)
        select bet, '2026-05-01'::date + day, '2026-05-01', '00000000-0000-7000-8000-000000000001'
        from (values ('b1', 0), ('b1', 1), ('b2', 0)) as changed (bet, day);
        """
    )
    blank.commit()
    ship(monkeypatch, tmp_path, texts)
    apply_migrations(blank)
    assert blank.execute("select * from ops.row_counts order by counted").fetchall() == [
        ("features.bet_closing_line_changes", 2, 0),
        ("features.bet_facts_changes", 2, 2),
        ("processed.bet_versions", 2, 2),
        ("raw.bet_versions", 2, 0),
    ]


def test_names_and_versions_of_a_store_without_history_get_the_history_of_log_and_runs(
    blank: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {name: (migrations.FOLDER / f"{name}.sql").read_text() for name in SHIPPED}
    ship(monkeypatch, tmp_path, {name: text for name, text in texts.items() if name < "0018"})
    apply_migrations(blank)
    blank.execute(
        """
        insert into ops.runs (run_id, verb, state, code_version, now, started_at)
        select ('00000000-0000-7000-8000-00000000000' || n)::uuid, 'run', 'done', '0', date '2026-05-01' + n,
            date '2026-05-01' + n
        from generate_series(1, 3) as n;
        insert into ops.gates (run_id, state, reason, judged_at, since_seq, until_seq) values
            ('00000000-0000-7000-8000-000000000001', 'passed', null, now(), 0, 2),
            ('00000000-0000-7000-8000-000000000002', 'refused', null, now(), 2, 3),
            ('00000000-0000-7000-8000-000000000003', 'passed', null, now(), 2, 4);
        insert into processed.bet_versions (
            seq, run_id, id, bet_type, status, sport, is_settled, updated_at, known_at, is_current
        ) values
            (1, gen_random_uuid(), 'a', 'parlay', 'PENDING', 'Tennis', false, '2026-05-01', '2026-05-01', true),
            (2, gen_random_uuid(), 'b', 'parlay', 'PENDING', 'Tennis', false, '2026-05-02', '2026-05-02', true),
            (3, gen_random_uuid(), 'c', 'parlay', 'PENDING', 'Rugby', false, '2026-05-03', '2026-05-03', true);
        insert into features.vocabulary values
            ('sport', 'Tennis', 1), ('sport', 'Rugby', 2), ('bet_type', 'parlay', 1), ('sport', 'from elsewhere', 3);
        insert into features.feature_metadata values
            ('sport_roi', 1, 'sport_stats', 'batch', 'x', 0, 3, '2026-05-03'),
            ('sport_roi', 2, 'sport_stats', 'batch', 'y', 0, 3, '2026-05-04'),
            ('sport_count', 1, 'sport_stats', 'batch', 'z', 0, 3, '2026-05-04');
        """
    )
    blank.commit()
    ship(monkeypatch, tmp_path, texts)
    apply_migrations(blank)
    names = "select value, first_seq, known_at::date::text, right(run_id::text, 1) from features.vocabulary"
    assert set(blank.execute(names)) == {
        ("Tennis", 1, "2026-05-01", "1"),
        ("parlay", 1, "2026-05-01", "1"),
        ("Rugby", 3, "2026-05-03", "3"),
        ("from elsewhere", None, None, None),
    }
    columns = "feature, version, first_computed_at::date::text, right(run_id::text, 1), replaced_at, replaced_by"
    assert set(blank.execute(f"select {columns} from features.feature_metadata")) == {
        ("sport_roi", 1, "2026-05-02", "1", None, 2),
        ("sport_roi", 2, None, None, None, None),
        ("sport_count", 1, "2026-05-02", "1", None, None),
    }


def test_the_registry_is_created_once(blank_postgres: Postgres) -> None:
    assert [create_registry(blank_postgres) for _ in range(2)] == [True, False]


def test_created_registry_has_every_table_that_feast_needs(blank_postgres: Postgres) -> None:
    from feast.infra.registry.sql import SqlRegistry
    from sqlalchemy import create_engine

    create_registry(blank_postgres)
    engine = create_engine(blank_postgres.sqlalchemy_url)
    SqlRegistry._verify_schema(engine)  # raises when one is missing
    engine.dispose()


def ship(monkeypatch: pytest.MonkeyPatch, folder: Path, files: dict[str, str]) -> None:
    """Have the package ship these migrations instead of its own."""
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text)
    monkeypatch.setattr(migrations, "FOLDER", folder)
