"""`pikkit diff`: what changed between two instants, two runs and two training frames, and the bets that did it."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import polars as pl
import pytest
import redis

from feature_repo import clock
from ingestion.database.access import connect
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import T0, at, bet, jsonl, lost
from tests.rigs.commands import environ_of, pikkit_here
from tests.rigs.databases import temporary_database
from tests.rigs.lenient_pipeline import run

FIRST, SECOND = T0 + timedelta(hours=1), T0 + timedelta(hours=2)


@pytest.fixture(scope="module")
def store(servers, applied_template, tmp_path_factory):
    """Soccer and Tennis in a first run; in a second one a bet moved from Soccer to Tennis, and a new bet on Golf."""
    here = tmp_path_factory.mktemp("compared")
    with temporary_database(servers.postgres, applied_template) as postgres:
        connections = dataclasses.replace(servers, postgres=postgres, embedded=False)
        with redis.Redis.from_url(connections.redis.url) as client:
            client.flushdb()
        first = [bet("a", 1), lost("b", 2), bet("t", 3, sport="Tennis")]
        second = [bet("a", 90, sport="Tennis"), bet("g", 95, sport="Golf")]
        for clock_at, bets in ((FIRST, first), (SECOND, second)):
            clock.set_now(clock_at)
            run(connections, open_file(jsonl(here / "bets.jsonl", *bets)))
        yield connections


@pytest.fixture
def runs(store):
    with connect(store.postgres, purpose="test") as connection:
        return [str(run_id) for (run_id,) in connection.execute("select run_id from ops.runs order by run_id")]


@pytest.fixture
def diff(store, tmp_path):
    def diff(*arguments, **differs):
        environ = environ_of(store, tmp_path / "home", PIKKIT_NOW=SECOND.isoformat(), **differs)
        return pikkit_here("diff", *arguments, environ=environ)

    return diff


@pytest.fixture
def differing(diff):
    """View -> what differs, of the document."""

    def differing(*arguments, **differs):
        done = diff(*arguments, "--json", **differs)
        assert done.returncode == 0, done.stderr
        return {view["view"]: view for view in json.loads(done.stdout)["views"]}

    return differing


@pytest.fixture
def frame(tmp_path):
    def frame(name, *rows):
        path = tmp_path / name
        pl.DataFrame(
            [
                dict(zip(("sport", "event_timestamp", "sport_win_rate", "sport_count"), row, strict=True))
                for row in rows
            ],
            orient="row",
        ).write_parquet(path)
        return path

    return frame


def changed(row):
    return {value["feature"]: (value["before"], value["after"]) for value in row["values"]}


def test_instants_name_changed_features_of_each_group_and_the_bets_behind_the_change(differing):
    view = differing(at(60), at(120))["sport_stats"]
    rows = {row["key"]: row for row in view["listed"]}
    assert (view["rows"], view["new"], rows.keys()) == (3, 1, {"Soccer", "Tennis", "Golf"})
    assert (view["features"]["sport_count"], view["features"]["sport_win_rate"]) == (3, 2)
    assert changed(rows["Soccer"])["sport_win_rate"] == (0.5, 0.0)
    assert changed(rows["Tennis"])["sport_count"] == (1, 2)
    assert changed(rows["Golf"])["sport_count"] == (None, 1)
    assert {key: [version["id"] for version in row["versions"]] for key, row in rows.items()} == {
        "Soccer": ["a"],
        "Tennis": ["a"],
        "Golf": ["g"],
    }


def test_instants_between_which_nothing_became_known_do_not_differ(diff):
    assert diff(at(96), "now").stdout.startswith("No feature differs. From ")


def test_instants_are_compared_from_the_earlier_to_the_later(differing):
    assert differing(at(120), at(60)) == differing(at(60), at(120))


def test_a_view_past_the_ttl_is_told_to_be_null(diff):
    text = " ".join(diff(at(60), "2026-05-03T12:00:00Z").stdout.split())
    assert "sport_stats is null on the second side: no run had refreshed it within its TTL." in text


def test_a_bet_past_the_ttl_is_counted_as_expired(differing):
    assert differing(at(120), "2026-06-15T12:00:00Z")["bet_facts"]["expired"] == 4


def test_runs_are_compared_by_the_instants_of_publication(diff, differing, runs):
    by_runs = differing(*runs)
    assert by_runs["sport_stats"] == differing(at(60), at(120))["sport_stats"]
    (backdated,) = json.loads(diff(*runs, "--json").stdout)["backdated"]
    assert (backdated["view"], backdated["run_id"], backdated["rows"]) == ("bet_facts", runs[1], 1)
    assert differing(runs[0], at(120))["sport_stats"] == by_runs["sport_stats"]


def test_a_run_that_moved_no_features_is_refused(store, diff, runs):
    with connect(store.postgres, purpose="test") as connection:
        connection.execute(
            "insert into ops.runs (run_id, verb, state, code_version, now, started_at) "
            "values ('ffffffff-0000-7000-8000-000000000000', 'sync', 'done', '', now(), now())"
        )
        connection.commit()
    try:
        done = diff(runs[0], "ffffffff")
    finally:
        with connect(store.postgres, purpose="test") as connection:
            connection.execute("delete from ops.runs where run_id = 'ffffffff-0000-7000-8000-000000000000'")
            connection.commit()
    assert (done.returncode, "moved no features" in done.stderr) == (2, True)


def test_rows_are_bounded_and_all_shows_all(diff):
    assert (
        "3 rows differ, 1 of them new, 1 of them here; --all shows all." in diff(at(60), "now", "--limit", "1").stdout
    )
    assert "here; --all" not in diff(at(60), "now", "--all").stdout


def test_frames_are_joined_on_keys_and_instant_and_a_changed_value_names_the_frame_that_the_store_has(differing, frame):
    before = frame("a.parquet", ("Soccer", FIRST, 0.5, 2), ("Tennis", FIRST, 1.0, 1), ("Golf", FIRST, None, None))
    after = frame("b.parquet", ("Tennis", FIRST, 1.0, 1), ("Soccer", FIRST, 0.6, 2), ("Golf", FIRST, None, None))
    (row,) = differing(before, after)["sport_stats"]["listed"]
    assert (row["key"], changed(row), row["store_has"]) == ("Soccer", {"sport_win_rate": (0.5, 0.6)}, "before")
    assert row["written_by"]["verb"] == "run"
    assert row["versions"] == []


def test_frames_of_two_instants_are_paired_by_keys_and_name_the_bets_in_between(diff, frame):
    before = frame("a.parquet", ("Soccer", FIRST, 0.5, 2), ("Rugby", FIRST, None, None))
    after = frame("b.parquet", ("Soccer", SECOND, 0.0, 1), ("Golf", SECOND, 1.0, 1), ("Golf", SECOND, 1.0, 1))
    document = json.loads(diff(before, after, "--json").stdout)
    (view,) = document["views"]
    (row,) = view["listed"]
    assert [version["id"] for version in row["versions"]] == ["a"]
    counts = document["frames"]
    assert (counts["only_before"], counts["only_after"], counts["paired"]) == (2, 3, 1)


def test_frames_that_differ_in_the_last_digits_only_do_not_differ(diff, frame):
    before, after = (frame(f"{digit}.parquet", ("Soccer", FIRST, 0.5 + digit * 1e-12, 2)) for digit in (0, 1))
    assert "No feature differs" in diff(before, after).stdout


def test_repeated_rows_of_frames_are_compared_in_pairs(differing, frame):
    before = frame("a.parquet", *[("Soccer", FIRST, 0.5, 2)] * 3)
    after = frame("b.parquet", *[("Soccer", FIRST, 0.5, 2)] * 2, ("Soccer", FIRST, 0.6, 2))
    assert differing(before, after)["sport_stats"]["rows"] == 1


def test_frames_are_compared_without_a_store_too(diff, frame, tmp_path):
    before, after = (frame(f"{share}.parquet", ("Soccer", FIRST, share, 2)) for share in (0.5, 0.6))
    environ = {"PIKKIT_HOME": str(tmp_path / "none")}
    done = pikkit_here("diff", before, after, environ=environ)
    assert (done.returncode, "1 row of 1 view differs" in done.stdout) == (0, True), done
    assert "No store says why" in done.stderr


@pytest.mark.parametrize(
    ("sides", "message"),
    [
        (("none.parquet", "none.parquet"), "cannot be read as a training frame"),
        (("none.parquet", "now"), "can only be compared with another frame"),
        (("yesterday", "now"), "is not the id of a run"),
    ],
)
def test_sides_that_cannot_be_compared_end_with_2(diff, sides, message):
    done = diff(*sides)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def test_a_frame_without_keys_is_refused(diff, tmp_path):
    pl.DataFrame({"sport_win_rate": [0.5]}).write_parquet(tmp_path / "c.parquet")
    assert diff(tmp_path / "c.parquet", tmp_path / "c.parquet").returncode == 2


def test_python_has_the_same_as_frames(store, frame):
    import feature_repo
    from feature_repo.servers.environment import feast_environment

    environ = feast_environment(store) | {"REDIS_URL": store.redis.url}
    frames = feature_repo.diff(FIRST, SECOND, environ=environ)
    of_sports = frames.values[(frames.values["view"] == "sport_stats") & (frames.values["feature"] == "sport_count")]
    assert sorted(of_sports["key"]) == ["Golf", "Soccer", "Tennis"]
    paths = [frame(f"{share}.parquet", ("Soccer", FIRST, share, 2)) for share in (0.5, 0.6)]
    of_frames = feature_repo.diff(paths[0], pl.read_parquet(paths[1]).to_pandas(), environ=environ)
    assert of_frames.counts.to_numpy().tolist() == [["sport_stats", "sport_win_rate", 1]]
