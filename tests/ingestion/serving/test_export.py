"""The Parquet export: every value, in files that stay inside the root, written when they changed, readable by others.

DuckDB and Spark are not among the packages that pikkit needs. Where they are installed (requirements-readers.lock) they
are tested; elsewhere those tests are skipped.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import fsspec
import polars as pl
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import example, given
from hypothesis import strategies as st

from feature_repo.errors import ConfigurationError
from feature_repo.postgres.copy import copy_in
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect, statement
from ingestion.intake.load import load_rows
from ingestion.serving.export.datasets import BET_VERSIONS, BETS, RAW
from ingestion.serving.export.export import export_store
from ingestion.serving.export.partition_names import LONGEST, encoded
from ingestion.serving.export.root import Root
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.rigs.commands import environ_of, pikkit

NASTY = (
    None, "", "../../etc", "..", ".", "/", "/etc/passwd", "a/../../b", "con", "CON", "nul.parquet", r"\N", r"C:\x",
    "a|b", "__HIVE_DEFAULT_PARTITION__", "a=b", "sport_key=Soccer", "a\nb", "a\tb", "\x7f\x1b[2J", "%41", "%", "~", "*",
    "?[a]", "{x}", "ünïcødé", "🏀", "é" * 150, "x" * 300, "x" * 300 + "y", "e\u0301", "\u202e", " ", "2024", "007",
    "2026-05-01", "1.5", "1e3", "true", "null", "None", "NaN", "nba", "NBA", "'", '"', "$(rm -rf .)", "_hidden",
    ".hidden", "-",
)  # fmt: skip
PLACED = datetime(2026, 5, 1, 12, tzinfo=UTC)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)


# ---- names ----------------------------------------------------------------------------------------------------------


@given(texts)
@example("x" * LONGEST)
@example("é" * 90)
def test_a_partition_name_is_harmless_and_decodes_to_the_value(text):
    name = encoded(text)
    assert re.fullmatch(r"[A-Za-z0-9_%~-]{1,180}", name)
    decoded = unquote(name, errors="strict")
    is_cut = "~" in name and text != ""
    assert text.startswith(decoded[: -len("~0123456789abcdef")]) if is_cut else decoded == (text or "~")


@given(texts, texts)
@example("x" * 300, "x" * 300 + "y")
@example("", "~")
def test_encodings_of_partition_names_are_equal_only_for_equal_names(one, other):
    assert (encoded(one) == encoded(other)) == (one == other)


# ---- a store to export ----------------------------------------------------------------------------------------------


@pytest.fixture
def store(postgres):
    """A store that has run once."""
    with connect(postgres, purpose="test") as connection:
        start_run(connection)
        connection.commit()
    return postgres


def start_run(connection):
    connection.execute(
        statement("start_run"),
        {"run_id": uuid.uuid4(), "verb": "run", "source": None, "code_version": "1", "now": NOW, "started_at": NOW},
    )


@pytest.fixture
def environ(store, servers, tmp_path):
    return environ_of(Connections(store, servers.redis, embedded=False), tmp_path / "home")


@pytest.fixture
def load(store, tmp_path):
    def load(*bets, now=NOW):
        with connect(store, purpose="test") as connection:
            file = jsonl(tmp_path / f"{uuid.uuid4()}.jsonl", *bets)
            load_rows(connection, open_file(file), run_id=uuid.uuid4(), now=now)
            connection.commit()

    return load


@pytest.fixture
def root(tmp_path):
    return tmp_path / "out"


def fill(postgres, sports, after=0):
    """A bet on each sport, straight into the log; every second one was corrected, every seventh has no time_placed. The
    log holds rows up to `after`.
    """
    log = [
        {
            "seq": after + 2 * number + corrected + 1,
            "previous_seq": after + 2 * number + 1 if corrected else None,
            "id": f"b{number}",
            "sport": sport,
            "status": "SETTLED_WIN",
            "bet_type": "straight",
            "odds": 0.1 + number,
            "american_odds": -110,
            "amount_cents": 2**53 + number if corrected else None,
            "roi": 1e-300 / (number + 1),
            "is_live": (True, False, None)[number % 3],
            "market": f"{sport}\t\n\\N",
            "time_placed": None if number % 7 == 0 else PLACED + timedelta(days=9 * number, microseconds=number),
            "updated_at": NOW,
            "known_at": NOW + timedelta(microseconds=number),
            "is_current": corrected == number % 2,
            "run_id": str(uuid.UUID(int=number)),
        }
        for number, sport in enumerate(sports)
        for corrected in range(1 + number % 2)
    ]
    with connect(postgres, purpose="test") as connection:
        copy_in(connection, "processed.bet_versions", pl.DataFrame(log, infer_schema_length=None))
        connection.commit()


def in_the_database(postgres, dataset):
    """The rows that the dataset is to hold, as psycopg reads them."""
    tables = {"bets": "processed.bets", "bet_versions": "processed.bet_versions", "raw": "raw.bet_versions"}
    columns = ", ".join({"payload": "payload::text", "batch_id": "batch_id::text"}.get(c, c) for c in dataset.schema)
    with connect(postgres, purpose="test") as connection:
        return connection.execute(f"select {columns} from {tables[dataset.name]} order by seq").fetchall()


def files(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def stamps(root):
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in root.rglob("*.parquet")}


def rewritten(before, after):
    return {path.relative_to(path.parents[3]).as_posix() for path in after if after[path] != before.get(path)}


# ---- every value, to every reader -----------------------------------------------------------------------------------


def by_polars(root, dataset):
    return pl.scan_parquet(root / dataset.name, hive_partitioning=True).select(list(dataset.schema)).collect()


def by_duckdb(root, dataset):
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is in requirements-readers.lock only")
    files = f"{root}/{dataset.name}/**/*.parquet"
    query = "select * from read_parquet($files, hive_partitioning = true)"
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        table = connection.sql(query, params={"files": files}).to_arrow_table()
        return pl.from_arrow(table).select(list(dataset.schema))


# A virtual machine that reads a few rows: nothing in it pays for being compiled well. Files are read in one task.
SPARK = {
    "ui.enabled": "false",
    "driver.memory": "512m",
    "driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "sql.session.timeZone": "UTC",
    "sql.codegen.wholeStage": "false",
    "sql.files.openCostInBytes": "1",
    "sql.files.minPartitionNum": "1",
    "sql.sources.parallelPartitionDiscovery.threshold": "10000",
}


def by_spark(root, dataset):
    pytest.importorskip("pyspark", reason="Spark is in requirements-readers.lock only")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]")
    for name, value in SPARK.items():
        builder = builder.config(f"spark.{name}", value)
    spark = builder.getOrCreate()
    return pl.from_arrow(spark.read.parquet(f"{root}/{dataset.name}").select(*dataset.schema).toArrow())


@pytest.mark.long
@pytest.mark.parametrize("read", [by_polars, by_duckdb, by_spark])
def test_an_export_reads_back_as_the_database_holds_the_rows(load, store, root, read):
    """Value for value, whatever the sports are called: names that mean something to shells, readers, file systems. Raw
    rows are as the source sent them. One test, because Spark takes long to start.
    """
    load(bet("a", note="\x00 \\ é"), bet("b", status="?"))
    fill(store, NASTY, after=10)
    export_store(store, str(root), raw=True)
    for dataset in (BETS, BET_VERSIONS):
        assert read(root, dataset).sort("seq").rows() == in_the_database(store, dataset)
    sent = read(root, RAW).with_columns(pl.col("content_hash").cast(pl.Binary)).sort("seq")
    assert sent.rows() == in_the_database(store, RAW)


def test_no_exported_file_leaves_the_root_and_each_partition_has_a_file(store, tmp_path, root):
    fill(store, NASTY)
    export_store(store, str(root))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    sports = [pl.read_parquet(path, hive_partitioning=False)["sport"].unique() for path in root.glob("bets/*/*/*")]
    assert sorted(map(repr, pl.concat(sports))) == sorted(map(repr, NASTY))


def test_exported_rows_lie_in_the_utc_month_of_placement(load, store, root):
    load(bet("a", time_placed="2026-04-30T23:59:59Z"), bet("b", time_placed="2026-05-01T02:00:00+03:00"))
    export_store(store, str(root))
    assert [path.parts[-2] for path in root.glob("bets/*/*/*")] == ["placed_month=2026-04"]


def test_a_partition_of_many_row_groups_holds_every_row(store, root, monkeypatch):
    monkeypatch.setattr("ingestion.serving.export.partitions.GROUP_ROWS", 7)
    monkeypatch.setattr("ingestion.serving.export.export.PAGE_ROWS", 5)
    fill(store, ["Soccer"] * 50)
    export_store(store, str(root))
    assert by_polars(root, BET_VERSIONS).sort("seq").rows() == in_the_database(store, BET_VERSIONS)


# ---- only what changed ----------------------------------------------------------------------------------------------


def test_a_second_export_writes_nothing(load, store, root):
    load(bet("a", 1), lost("b", 2, sport="Golf"))
    export_store(store, str(root))
    before = stamps(root), (root / "_pikkit_export.json").stat().st_mtime_ns
    again = export_store(store, str(root))
    assert (again.written, again.kept, again.removed, again.because) == (0, 4, 0, None)
    assert (stamps(root), (root / "_pikkit_export.json").stat().st_mtime_ns) == before


def test_a_regrade_rewrites_only_the_partitions_of_the_bet(load, store, root):
    load(bet("a", 1), bet("b", 1, sport="Golf"), bet("c", 1, time_placed="2026-03-01T00:00:00Z"))
    export_store(store, str(root))
    before = stamps(root)
    load(lost("a", 5))
    assert export_store(store, str(root)).rows == 3
    assert rewritten(before, stamps(root)) == {
        "bets/sport_key=Soccer/placed_month=2026-05/bets.parquet",
        "bet_versions/sport_key=Soccer/placed_month=2026-05/bets.parquet",
    }


def test_bet_with_a_changed_sport_moves_to_the_partition_of_the_new_sport(load, store, root):
    load(bet("a", 1), bet("b", 1), bet("c", 1, sport="Golf"))
    export_store(store, str(root))
    load(bet("a", 5, sport="Golf"))
    done = export_store(store, str(root))
    assert (done.written, done.kept, done.because) == (3, 1, None)
    assert by_polars(root, BETS).sort("seq").rows() == in_the_database(store, BETS)


def test_a_deleted_bet_leaves_the_bets_and_stays_in_the_log(load, store, root):
    load(bet("a", 1), bet("b", 1, sport="Golf"))
    export_store(store, str(root))
    bury(store, "b")
    done = export_store(store, str(root))
    assert (done.written, done.removed) == (1, 1)
    assert by_polars(root, BETS)["id"].to_list() == ["a"]
    log = by_polars(root, BET_VERSIONS).filter(id="b").sort("seq")
    assert log["is_deleted"].to_list() == [False, True]
    assert not (root / "bets" / "sport_key=Golf").exists()


def bury(postgres, bet_id):
    with connect(postgres, purpose="test") as connection:
        connection.execute(statement("tombstones_table"), {"ids": [bet_id], "now": NOW, "is_gone": True})
        batch = {"run_id": uuid.uuid4(), "source": "postgres:test", "now": NOW}
        connection.execute(statement("record_tombstones"), batch)
        connection.execute(statement("store_tombstones"), batch)
        connection.commit()


def test_exports_in_steps_leave_the_files_of_a_single_export(load, store, tmp_path):
    for n in range(6):
        load(*(bet(f"b{i}", n, sport=f"S{(i * n) % 3}") for i in range(n, n + 4)))
        export_store(store, str(tmp_path / "steps"), raw=n % 2 == 1)
    export_store(store, str(tmp_path / "once"), raw=True)
    assert files(tmp_path / "steps") == files(tmp_path / "once")


def test_full_export_of_unchanged_content_writes_the_same_bytes(load, store, root):
    load(*(bet(f"b{n}", n, sport=f"S{n % 3}") for n in range(30)))
    export_store(store, str(root))
    before = files(root)
    assert export_store(store, str(root), full=True).because == "it was asked for"
    assert files(root) == before


def test_the_raw_snapshot_stays_until_the_next_raw_export(load, store, root):
    load(bet("a", 1))
    export_store(store, str(root), raw=True)
    load(bet("b", 2))
    export_store(store, str(root))
    assert by_polars(root, RAW)["id"].to_list() == ["a"]
    export_store(store, str(root), raw=True)
    assert by_polars(root, RAW)["id"].to_list() == ["a", "b"]


# ---- a root that is not as it was left ------------------------------------------------------------------------------


def missing_manifest(root):
    (root / "_pikkit_export.json").unlink()


def damaged_manifest(root):
    (root / "_pikkit_export.json").write_text('{"format": 1, "store"')


def newer_manifest(root):
    manifest = root / "_pikkit_export.json"
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 2'))


def foreign_manifest(root):
    manifest = json.loads((root / "_pikkit_export.json").read_text())
    (root / "_pikkit_export.json").write_text(json.dumps(manifest | {"store": str(uuid.uuid4())}))


def another_log(root):
    manifest = root / "_pikkit_export.json"
    manifest.write_text(re.sub(r'"run": "[^"]*"', f'"run": "{uuid.uuid4()}"', manifest.read_text()))


def missing_file(root):
    next(root.glob("bets/*/*/*")).unlink()


def short_file(root):
    file = next(root.glob("bet_versions/*/*/*"))
    file.write_bytes(file.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (missing_manifest, "no manifest"),
        (damaged_manifest, "damaged"),
        (newer_manifest, "format is 2"),
        (foreign_manifest, "another store"),
        (another_log, "another log"),
        (missing_file, "not as it was written"),
        (short_file, "not as it was written"),
    ],
)
def test_damaged_export_root_is_rewritten_with_the_reason_reported(load, store, root, damage, told):
    load(bet("a", 1), bet("b", 1, sport="Golf"))
    export_store(store, str(root))
    before = files(root)
    damage(root)
    assert told in export_store(store, str(root)).because
    assert files(root) == before


def test_a_root_with_files_of_somebody_else_is_refused(load, store, root):
    load(bet("a", 1))
    (root / "bets" / "sport=Golf").mkdir(parents=True)
    (root / "bets" / "sport=Golf" / "bets.parquet").write_bytes(b"precious")
    with pytest.raises(ConfigurationError, match=r"not of an export: bets/sport=Golf/bets\.parquet"):
        export_store(store, str(root))
    assert list(files(root)) == ["bets/sport=Golf/bets.parquet"]


def test_a_file_in_the_place_of_the_root_is_refused(load, store, root):
    root.write_text("precious")
    with pytest.raises(ConfigurationError, match="is a file"):
        export_store(store, str(root))


def test_store_without_a_run_exports_every_partition_each_time(postgres, root):
    fill(postgres, ["Golf"])
    export_store(postgres, str(root))
    assert export_store(postgres, str(root)).because == "the manifest is of another store"


def test_an_empty_store_leaves_a_manifest_and_no_file(store, root):
    assert export_store(store, str(root)).written == 0
    assert list(files(root)) == ["_pikkit_export.json"]


# ---- killed, and at the same time -----------------------------------------------------------------------------------


def test_export_that_dies_at_any_step_leaves_whole_files_and_the_next_export_is_right(load, store, root, monkeypatch):
    """It is stopped before each write, rename and removal in turn. What lies there then is whole, old or new."""
    load(*(bet(f"b{n}", 1, sport=f"S{n % 4}") for n in range(8)))
    export_store(store, str(root))
    load(lost("b0", 5, sport="S1"), lost("b4", 5, sport="S9"), lost("b1", 5))
    bury(store, "b3")
    bury(store, "b7")
    steps, whole = 0, False
    while not whole:
        whole = dies_at(steps, store, root, monkeypatch)
        assert set(by_polars(root, BET_VERSIONS)["id"]) == {f"b{n}" for n in range(8)}
        steps += 1
    assert steps > 10
    assert by_polars(root, BETS).sort("seq").rows() == in_the_database(store, BETS)
    assert not (root / "_pikkit_tmp").exists()


def dies_at(step, store, root, monkeypatch):
    """Stop an export at this step; returns whether it came to its end before. The one after it must be right."""
    left = [step]

    def counted(method):
        def stop_or_go(self, *arguments):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return method(self, *arguments)

        return stop_or_go

    with monkeypatch.context() as patch:
        for name in ("writing", "rename", "remove"):
            patch.setattr(Root, name, counted(getattr(Root, name)))
        try:
            export_store(store, str(root), full=True)
        except KeyboardInterrupt:
            return False
    return True


def test_an_export_killed_by_the_system_is_mended_by_the_next(load, store, environ, tmp_path, root):
    load(*(bet(f"b{n}", 1, sport=f"S{n % 50}") for n in range(500)))
    killed = subprocess.run([sys.executable, "-c", KILLED_IN_THE_MIDDLE, root], env=environ, cwd=tmp_path, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert "_pikkit_export.json" not in files(root)
    assert len(list(root.glob("bet*/*/*/*"))) == 19
    export_store(store, str(root))
    export_store(store, str(tmp_path / "undisturbed"))
    assert files(root) == files(tmp_path / "undisturbed")


KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from ingestion.serving.export.export import export_store
from ingestion.serving.export.root import Root
from ingestion.settings import Settings

rename, renames = Root.rename, []

def killing(self, *arguments):
    renames.append(arguments)
    if len(renames) == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(self, *arguments)

Root.rename = killing
export_store(Settings.load().connections().postgres, sys.argv[1])
"""


def test_simultaneous_exports_to_the_same_root_take_turns(load, store, root, monkeypatch):
    load(bet("a", 1))
    inside, most = [0], [0]
    sizes = Root.sizes

    def slowly(self):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.3)
        inside[0] -= 1
        return sizes(self)

    monkeypatch.setattr(Root, "sizes", slowly)
    threads = [threading.Thread(target=export_store, args=(store, str(root))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert by_polars(root, BETS)["id"].to_list() == ["a"]


# ---- other places ---------------------------------------------------------------------------------------------------


def test_export_to_an_fsspec_url_writes_and_updates_partitions(load, store):
    place = f"memory://{uuid.uuid4()}/[a] b"
    load(bet("a", 1), bet("b", 1, sport="Golf"))
    export_store(store, place)
    load(lost("a", 5, sport="Golf"))
    done = export_store(store, place)
    assert (done.written, done.removed) == (2, 1)
    files, path = fsspec.core.url_to_fs(place)
    with files.open(f"{path}/bets/sport_key=Golf/placed_month=2026-05/bets.parquet") as file:
        assert pl.read_parquet(file).sort("id").select("id", "profit_cents").rows() == [("a", -1000), ("b", 1500)]
    assert not [found for found in files.find(path) if "_pikkit_tmp" in found]


def test_a_file_url_names_a_directory(load, store, root):
    load(bet("a", 1))
    export_store(store, root.as_uri())
    assert by_polars(root, BETS)["id"].to_list() == ["a"]


class Folding(MemoryFileSystem):
    """A disk that does not tell upper case from lower."""

    protocol = ("folding",)
    store, pseudo_dirs = {}, [""]

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("folding://").lower())


def test_export_of_sports_that_differ_in_case_only_is_refused_where_paths_ignore_case(store):
    fsspec.register_implementation("folding", Folding, clobber=True)
    fill(store, ["Golf", "nba", "NBA"])
    with pytest.raises(ConfigurationError, match="upper case"):
        export_store(store, "folding://out")
    assert export_store(store, f"memory://{uuid.uuid4()}").written == 6


# ---- the command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def run(environ, tmp_path):
    return lambda *arguments: pikkit("export", *arguments, environ=environ, cwd=tmp_path)


def test_last_line_of_an_export_counts_partitions_written_kept_and_removed(load, run, tmp_path):
    load(bet("a", 1), bet("b", 1, sport="Golf"))
    done = run("--to", "out")
    assert done.stdout == f"{tmp_path}/out: 4 partitions written with 4 rows, 0 kept, 0 removed.\n"
    assert "because there was nothing yet" in done.stderr
    assert run("--to", "out").stdout == f"{tmp_path}/out: 4 partitions kept. Nothing had changed.\n"
    assert json.loads(run("--to", "out", "--json").stdout)["kept"] == 4


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("s3://bucket/bets", "s3fs"),
        ("nowhere://x", "nowhere"),
        ("https://example.com/x", "Nothing was written"),
        ("/proc/x", "/proc/x cannot be"),
        ("ftp://somebody:secret@127.0.0.1:1/x", "cannot be reached"),
    ],
)
def test_unusable_export_target_is_refused_in_words_without_secrets(run, place, told):
    done = run("--to", place)
    assert done.returncode in (2, 4), done.stderr
    assert told in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr
