"""`pikkit explain`: values beside their bets, what changed them, and what it says where the two disagree."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest
import redis

from feature_repo import clock
from feature_repo.store import store_at
from ingestion.database.access import connect
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, T0, at, bet, jsonl, lost
from tests.rigs.commands import environ_of, pikkit_here
from tests.rigs.databases import temporary_database
from tests.rigs.lenient_pipeline import run

SERVICE = "market_profitability_v1"
LATER = T0 + timedelta(hours=2)
LOST = {"status": "SETTLED_LOSS", "profit": -10.0}


@pytest.fixture(scope="module")
def store(servers, applied_template, tmp_path_factory):
    """Three wins and two losses on Soccer; then a regrade, an older version and an open bet. And 16 bets on Tennis."""
    here = tmp_path_factory.mktemp("explained")
    with temporary_database(servers.postgres, applied_template) as postgres:
        connections = dataclasses.replace(servers, postgres=postgres, embedded=False)
        with redis.Redis.from_url(connections.redis.url) as client:
            client.flushdb()
        tennis = [bet(f"b19fa7{n:02}", 10 + n, sport="Tennis", **({} if n % 3 else LOST)) for n in range(16)]
        first = [bet("a", 1, clv_percentage=2.5), lost("b", 2), bet("c", 3), lost("d", 4), bet("e", 5, market="Total")]
        older = lost("b", 1.5, amount=99.0, profit=-99.0)
        second = [lost("a", 90, clv_percentage=2.5), older, bet("f", 6, status="PENDING", profit=None)]
        for clock_at, bets in ((T0 + timedelta(hours=1), [*first, *tennis]), (LATER, second)):
            clock.set_now(clock_at)
            run(connections, open_file(jsonl(here / "bets.jsonl", *bets)))
        yield connections


@pytest.fixture
def own_store(store, clone):
    """A copy of it that a test may change, over the same Redis."""
    with connect(store.postgres, purpose="test") as connection:
        # Feast keeps connections open, and a database in use cannot be copied.
        connection.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
    return dataclasses.replace(store, postgres=clone(store.postgres))


@pytest.fixture
def explain(store, tmp_path):
    def explain(*arguments, now=LATER, of=store, **differs):
        environ = environ_of(of, tmp_path / "home", PIKKIT_NOW=now.isoformat(), **differs)
        return pikkit_here("explain", *arguments, environ=environ)

    return explain


@pytest.fixture
def explained(explain):
    """The one view of the document."""

    def explained(*arguments, **differs):
        done = explain(*arguments, "--json", **differs)
        assert done.returncode == 0, done.stderr
        (view,) = json.loads(done.stdout)["views"]
        return view

    return explained


def tamper(connections, query):
    with connect(connections.postgres, purpose="test") as connection:
        connection.execute("set session_replication_role = replica")  # past the triggers that keep codes
        assert connection.execute(query).rowcount > 0
        connection.commit()


def test_a_feature_comes_with_both_values_the_bets_behind_and_the_formula_in_numbers(explained):
    view = explained("sport_win_rate", "--key", "Soccer")
    (feature,) = view["features"]
    assert feature["offline"] == feature["online"] == feature["recomputed"] == 0.4
    assert feature["calculation"] == "wins / (wins + losses) = 2 / (2 + 3) = 0.4"
    assert [(v["id"], v["adds"]["wins"], v["adds"]["losses"]) for v in view["versions"]] == [
        ("a", 0, 1),
        ("e", 1, 0),
        ("d", 0, 1),
        ("c", 1, 0),
        ("b", 0, 1),
    ]


def test_the_last_change_names_run_gate_stream_and_the_row_as_sent(store, explained):
    (change,) = explained("sport_win_rate", "--key", "Soccer")["changes"]
    with connect(store.postgres, purpose="test") as connection:
        (newest,) = connection.execute("select run_id from ops.runs order by run_id desc limit 1").fetchone()
    assert datetime.fromisoformat(change["event_timestamp"]) == datetime.fromisoformat(at(90))
    assert (change["run"]["run_id"], change["run"]["gate"]) == (str(newest), "passed")
    assert change["run"]["checks_passed"] > 0
    (version,) = change["versions"]
    assert (version["id"], version["previous_seq"]) == ("a", 1)
    assert version["stream"].endswith("bets.jsonl")
    assert json.loads(version["payload"])["status"] == "SETTLED_LOSS"


def test_a_feature_is_dated_from_the_row_with_the_change_not_from_the_newest_row_of_the_view(explained):
    """The regrade of a bet leaves the sum of closing lines as it was."""
    view = explained("sport_avg_clv", "--key", "Soccer")
    changed_at, newest = view["features"][0]["changed_at"], view["change_row_at"]
    assert [datetime.fromisoformat(each) for each in (changed_at, newest)] == [
        datetime.fromisoformat(at(1)),
        datetime.fromisoformat(at(90)),
    ]


def test_before_a_regrade_the_value_is_that_of_the_old_grade(explained):
    view = explained("sport_win_rate", "--key", "Soccer", "--at", at(89))
    assert view["features"][0]["offline"] == view["features"][0]["recomputed"] == 0.6
    assert {version["seq"]: version["state"] for version in view["versions"]} == dict.fromkeys(range(1, 6), "counts")


def test_a_whole_list_has_versions_that_were_replaced_or_superseded(explained):
    states = {(v["id"], v["state"]) for v in explained("sport_win_rate", "--key", "Soccer", "--all")["versions"]}
    assert states == {
        ("a", "counts"), ("a", "replaced"), ("b", "counts"), ("b", "superseded"), ("c", "counts"), ("d", "counts"),
        ("e", "counts"), ("f", "counts"),
    }  # fmt: skip


def test_text_of_a_whole_list_names_the_version_that_replaced_another(explain):
    assert "replaced by 24 at 2026-05-01T13:30:00Z" in explain("sport_win_rate", "--key", "Soccer", "--all").stdout


def test_a_changed_change_row_ends_with_1_and_both_values(own_store, explain):
    tamper(own_store, "update features.sport_stats_changes set sport_roi = sport_roi + 0.001")
    done = explain("sport_roi", "--key", "Soccer", of=own_store)
    assert done.returncode == 1
    assert "DISAGREES" in done.stdout
    assert json.loads(explain("sport_roi", "--key", "Soccer", "--json", of=own_store).stdout)["agrees"] is False
    assert explain("sport_win_rate", "--key", "Soccer", of=own_store).returncode == 0


@pytest.mark.parametrize("feature", ["sport_win_rate", "sport_count", "sport_edge"])
def test_a_value_that_is_wrong_by_a_single_bet_ends_with_1(own_store, explain, feature):
    tamper(own_store, "delete from processed.bet_versions where id = 'c'")
    assert explain(feature, "--key", "Soccer", of=own_store).returncode == 1


def test_a_changed_fact_of_a_bet_ends_with_1(own_store, explain):
    tamper(own_store, "update features.bet_facts_changes set amount = 11 where bet_id = 'c'")
    assert explain("amount", "--bet", "c", of=own_store).returncode == 1
    assert explain("amount", "--bet", "d", of=own_store).returncode == 0


def test_a_changed_known_at_of_a_name_ends_with_1(own_store, explain):
    assert explain("market_encoded", "--bet", "e", of=own_store).returncode == 0
    tamper(own_store, "update features.vocabulary set known_at = '2026-01-01' where value = 'Total'")
    assert explain("market_encoded", "--bet", "e", of=own_store).returncode == 1  # serving still has the other instant


def test_a_feature_on_demand_is_dated_from_the_version_that_gave_the_value_not_from_the_newest_version(explained):
    view = explained("sport_encoded", "--bet", "a")
    (version,) = view["changes"][0]["versions"]
    assert (version["previous_seq"], version["status"]) == (None, "SETTLED_WIN")  # the regrade left the sport alone
    assert view["features"][0]["changed_at"] == view["changes"][0]["event_timestamp"] < view["versions"][0]["known_at"]


def test_the_first_line_of_a_feature_is_the_value(explain):
    first = explain("sport_win_rate", "--key", "Soccer").stdout.splitlines()[0]
    assert first.startswith("sport_stats:sport_win_rate of Soccer is 0.4 as of")


def test_a_value_past_the_ttl_is_told_as_null_in_the_first_line_and_in_the_last(explain):
    text = " ".join(explain("sport_win_rate", "--key", "Soccer", now=NOW).stdout.split())
    assert "of Soccer is null (OUTSIDE_MAX_AGE) as of" in text
    assert "What is stored is what its bets give, but sport_win_rate is served as null" in text


def test_a_window_lists_the_newest_graded_bets_and_no_more(explained):
    view = explained("recent_win_rate", "--key", "Tennis|Moneyline")
    newest = [f"b19fa7{n:02}" for n in reversed(range(6, 16))]
    assert ([version["id"] for version in view["versions"]], view["versions_in_all"]) == (newest, 10)
    assert (view["features"][0]["sums"], view["features"][0]["offline"]) == ({"wins": 6, "losses": 4}, 0.6)
    (longer,) = explained("recent_win_rate_50", "--key", "Tennis|Moneyline")["features"]
    assert (longer["sums"], longer["offline"]) == ({"wins": 10, "losses": 6}, 10 / 16)


def test_limit_bounds_the_list_and_the_count_stays(explained):
    view = explained("sport_count", "--key", "Soccer", "--limit", "2")
    assert ([version["id"] for version in view["versions"]], view["versions_in_all"]) == (["a", "e"], 5)


def test_placement_is_explained_before_the_bet_itself_is_known(explained):
    view = explained("sport_count", "--bet", "c", "--at", "placement")
    assert view["key"] == "Soccer"
    assert (view["features"][0]["offline"], view["features"][0]["offline_status"]) == (None, "NOT_FOUND")
    (facts,) = explained("bet_facts:amount", "--bet", "c", "--at", "placement")["features"]
    assert (facts["offline"], facts["agrees"]) == (10.0, True)


def test_a_store_past_the_ttl_serves_null_and_still_agrees(explained):
    (feature,) = explained("sport_win_rate", "--key", "Soccer", now=NOW)["features"]
    assert (feature["offline"], feature["offline_status"]) == (None, "OUTSIDE_MAX_AGE")
    assert (feature["online"], feature["online_status"]) == (None, "OUTSIDE_MAX_AGE")
    assert (feature["stored"], feature["recomputed"]) == (0.4, 0.4)


def test_an_empty_redis_is_told_with_the_command_that_fills_redis(explain, empty_redis):
    done = explain("sport_win_rate", "--key", "Soccer", REDIS_URL=empty_redis.url)
    assert (done.returncode, "NOT_FOUND" in done.stdout) == (0, True)
    assert "`pikkit materialize`" in " ".join(done.stdout.split())


def test_without_redis_the_rest_is_explained(explained):
    view = explained("sport_win_rate", "--key", "Soccer", REDIS_URL="redis://127.0.0.1:1/0")
    assert view["features"][0]["online_status"] == "UNREACHABLE"
    assert view["features"][0]["offline"] == 0.4


def test_an_overridden_gate_is_named_with_the_reason(own_store, explained):
    tamper(own_store, "update ops.gates set state = 'overridden', reason = 'known outage'")
    (change,) = explained("sport_win_rate", "--key", "Soccer", of=own_store)["changes"]
    assert (change["run"]["gate"], change["run"]["reason"]) == ("overridden", "known outage")


def test_a_service_is_explained_as_a_whole_and_agrees_with_feast_offline_and_online(store, explain, monkeypatch):
    now = T0 + timedelta(hours=2)
    document = json.loads(explain(SERVICE, "--bet", "c", "--json").stdout)
    mine = {feature["feature"]: feature for view in document["views"] for feature in view["features"]}
    clock.set_now(now)
    store = store_at(store)
    from feature_repo.group_keys import entity_frame, entity_rows

    subject = [bet("c") | {"bet_id": "c", "clv_percentage": None, "time_placed": T0}]
    frame = entity_frame(subject)
    frame["event_timestamp"] = now
    offline = store.get_historical_features(entity_df=frame, features=store.get_feature_service(SERVICE)).to_df()
    online = store.get_online_features(
        features=store.get_feature_service(SERVICE), entity_rows=entity_rows(subject)
    ).to_dict()
    assert document["agrees"]
    assert len(mine) == 49
    for name, feature in mine.items():
        value = offline[name].astype(object).where(offline[name].notna(), None).iloc[0]
        assert feature["offline"] == value, name
        assert feature["online"] == online[name][0], name


def test_text_of_a_service_has_a_line_for_each_feature(explain):
    done = explain(SERVICE, "--bet", "c")
    assert done.returncode == 0
    assert sum(line.endswith("  agrees") for line in done.stdout.splitlines()) == 49
    assert "All 49 features are what their bets give." in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sport_winrate", "--key", "Soccer"], "did you mean 'sport_win_rate'?"),
        (["sport_win_rate", "--key", "Socer"], "did you mean 'Soccer'?"),
        (["sport_market_win_rate", "--key", "Soccer"], "sport|market"),
        (["sport_win_rate"], "--bet ID"),
        (["sport_win_rate", "--bet", "a", "--key", "Soccer"], "A bet and a key were given"),
        (["amount", "--key", "Soccer"], "--bet"),
        (["sport_win_rate", "--bet", "bb"], "No published bet has the id bb"),
        (["sport_win_rate", "--key", "Soccer", "--at", "placement"], "A group has no placement"),
        (["sport_win_rate", "--key", "Soccer", "--at", "yesterday"], "'yesterday' is not an instant"),
    ],
)
def test_a_request_that_cannot_be_answered_ends_with_2_and_a_hint(explain, arguments, message):
    done = explain(*arguments)
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr


def test_a_misspelt_bet_id_is_answered_with_the_nearest_id(explain):
    assert "did you mean 'b19fa7" in explain("sport_count", "--bet", "b19fa7c3").stderr


def test_python_has_the_same_as_frames(store):
    import feature_repo
    from feature_repo.servers.environment import feast_environment

    clock.set_now(T0 + timedelta(hours=2))
    environ = feast_environment(store) | {"REDIS_URL": store.redis.url}
    frames = feature_repo.explain(
        "sport_win_rate", key="Soccer", at=datetime(2026, 5, 1, 15, tzinfo=UTC), environ=environ
    )
    assert frames.features[["offline", "recomputed", "agrees"]].to_numpy().tolist() == [[0.4, 0.4, True]]
    assert frames.versions["wins"].sum() == 2
    assert frames.changes["id"].tolist() == ["a"]


def test_names_with_percent_signs_are_explained_and_compared(new_applied, tmp_path):
    """A percent sign in the text of a query would begin a placeholder."""
    connections, name = new_applied(), "100% %s %(at)s %%"
    clock.set_now(LATER)
    run(connections, open_file(jsonl(tmp_path / "bets.jsonl", bet("50%", 1, sport=name), lost("b", 2, sport=name))))
    environ = environ_of(connections, tmp_path / "home", PIKKIT_NOW=LATER.isoformat())
    for subject in (("--key", name), ("--bet", "50%")):
        done = pikkit_here("explain", "sport_win_rate", *subject, "--json", environ=environ)
        (view,) = json.loads(done.stdout)["views"]
        assert (view["key"], view["features"][0]["recomputed"], len(view["versions"])) == (name, 0.5, 2)
    done = pikkit_here("diff", T0.isoformat(), LATER.isoformat(), "--json", environ=environ)
    assert done.returncode == 0, done.stderr
    assert name in done.stdout
