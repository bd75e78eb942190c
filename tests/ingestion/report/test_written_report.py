"""`pikkit report`, and the report after each run: written whole, after the run and its lock, and never its undoing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from feature_repo.servers.connections import Connections
from ingestion.database.access import connect, hold_run_lock
from ingestion.runs import status
from ingestion.runs.status import store_status
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.rigs.commands import environ_of, pikkit_here


@pytest.fixture
def environ(prepared: Connections, tmp_path: Path) -> dict[str, str]:
    differs = {"PIKKIT_NOW": NOW.isoformat(), "PIKKIT_REPORT": str(tmp_path / "report.html")}
    return environ_of(prepared, tmp_path / "home", **differs)


@pytest.fixture
def bets(tmp_path: Path) -> Path:
    return jsonl(tmp_path / "bets.jsonl", bet("won", 1), lost("lost", 2))


def test_report_after_a_run_shows_the_committed_run_and_a_free_lock(
    environ: dict[str, str], bets: Path, tmp_path: Path
) -> None:
    """A report that was written before the commit would lack the run, one within the lock would say that it goes on."""
    done = pikkit_here("run", "--source", bets, environ=environ)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (done.returncode, "Warning: The report" in done.stderr) == (0, False)
    assert "All 8 views are fresh, offline and online" in page
    assert "A run is going on" not in page


def test_metrics_and_report_after_a_run_show_a_single_look_at_the_store(
    environ: dict[str, str], bets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Connections] = []

    def counted(connections: Connections, *arguments: Any, **options: Any) -> status.StoreStatus:
        seen.append(connections)
        return store_status(connections, *arguments, **options)

    monkeypatch.setattr(status, "store_status", counted)
    metrics = {"PIKKIT_METRICS_FILE": str(tmp_path / "pikkit.prom")}
    done = pikkit_here("run", "--source", bets, environ=environ | metrics)
    assert (done.returncode, len(seen)) == (0, 1)
    assert "All 8 views are fresh" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'pikkit_view_healthy{store="offline",view="sport_stats"} 1.0' in (tmp_path / "pikkit.prom").read_text()


@pytest.mark.parametrize("verb", ["sync", "backfill", "materialize", "quarantine retry"])
def test_every_verb_that_makes_a_run_writes_a_report_listing_the_run(
    environ: dict[str, str], bets: Path, tmp_path: Path, verb: str
) -> None:
    file = tmp_path / "report.html"
    pikkit_here("run", "--source", bets, environ=environ)
    file.unlink()
    options = {"sync": ["--source", bets], "quarantine retry": ["--all"]}.get(verb, [])
    done = pikkit_here(*verb.split(), *options, environ=environ)
    assert (done.returncode, f'<th scope="row">{verb}' in file.read_text(encoding="utf-8")) == (0, True), done.stderr


def test_refused_run_leaves_a_report_that_says_why(environ: dict[str, str], bets: Path, tmp_path: Path) -> None:
    strict = {name: value for name, value in environ.items() if name != "PIKKIT_GATES"}
    done = pikkit_here("run", "--source", bets, environ=strict)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (done.returncode, "The quality gate refused run" in page) == (3, True)


def test_report_that_cannot_be_written_is_a_warning_and_the_run_stays(
    environ: dict[str, str], bets: Path, tmp_path: Path, prepared: Connections
) -> None:
    nowhere = environ | {"PIKKIT_REPORT": str(tmp_path / "no such directory" / "report.html")}
    done = pikkit_here("run", "--source", bets, environ=nowhere)
    assert (done.returncode, "Warning: The report was not written to" in done.stderr) == (0, True)
    with connect(prepared.postgres, purpose="test") as database:
        assert database.execute("select state from ops.runs").fetchall() == [("done",)]


def test_run_that_finds_the_lock_taken_writes_no_report(
    environ: dict[str, str], bets: Path, tmp_path: Path, prepared: Connections
) -> None:
    with connect(prepared.postgres, purpose="test") as database, hold_run_lock(database, "backfill"):
        done = pikkit_here("run", "--source", bets, environ=environ)
    assert (done.returncode, (tmp_path / "report.html").exists()) == (5, False)


def test_reader_of_an_open_report_still_reads_the_old_text_after_a_rewrite(
    environ: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text("old" * 100_000)
    file.chmod(0o640)
    with file.open() as reader:
        assert pikkit_here("report", environ=environ).returncode == 0
        assert reader.read() == "old" * 100_000
    assert (file.stat().st_mode & 0o777, file.read_text(encoding="utf-8")[:15]) == (0o640, "<!doctype html>")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".report")] == []


def test_report_through_a_link_replaces_the_target_of_the_link(environ: dict[str, str], tmp_path: Path) -> None:
    target = tmp_path / "served.html"
    target.write_text("old")
    (tmp_path / "report.html").symlink_to(target)
    pikkit_here("report", environ=environ)
    assert ((tmp_path / "report.html").is_symlink(), target.read_text()[:15]) == (True, "<!doctype html>")


def test_report_writes_through_no_link_laid_under_the_name_of_the_process(
    environ: dict[str, str], tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (tmp_path / f".report.html.{os.getpid()}").symlink_to(victim)
    pikkit_here("report", environ=environ)
    assert (victim.read_text(), (tmp_path / "report.html").read_text()[:15]) == ("kept", "<!doctype html>")


def test_report_under_a_link_to_itself_is_written_in_place_of_the_link(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "report.html").symlink_to(tmp_path / "report.html")
    done = pikkit_here("report", environ=environ)
    assert (done.returncode, (tmp_path / "report.html").read_text()[:15]) == (0, "<!doctype html>")


def test_report_with_out_writes_there_and_prints_the_path(environ: dict[str, str], tmp_path: Path) -> None:
    done = pikkit_here("report", "--out", tmp_path / "elsewhere.html", environ=environ)
    assert done.stdout.splitlines()[-1].startswith(f"{tmp_path / 'elsewhere.html'}: ")
    assert not (tmp_path / "report.html").exists()


def test_report_without_a_name_goes_into_the_working_directory(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    del environ["PIKKIT_REPORT"]
    document = json.loads(pikkit_here("report", "--json", environ=environ).stdout)
    assert document["file"] == str(tmp_path / "pikkit-report.html")
    assert document["bytes"] == Path(document["file"]).stat().st_size


def test_report_is_written_and_names_redis_when_redis_is_down(environ: dict[str, str], tmp_path: Path) -> None:
    done = pikkit_here("report", environ=environ | {"REDIS_URL": "redis://127.0.0.1:1/0"})
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (done.returncode, "127.0.0.1:1/0 does not answer" in page) == (0, True)


def test_report_into_a_directory_that_is_not_there_is_refused_in_words(environ: dict[str, str], tmp_path: Path) -> None:
    done = pikkit_here("report", "--out", tmp_path / "nowhere" / "report.html", environ=environ)
    assert (done.returncode, "cannot be written: No such file or directory" in done.stderr) == (2, True)
