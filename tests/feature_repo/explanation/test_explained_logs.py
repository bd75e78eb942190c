"""Explanations of random logs at random instants, beside what is stored and beside the oracle of the tests."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import dict_row

from feature_repo import clock
from feature_repo.declarations.views import BET_VIEWS, GROUPED_VIEWS, STORED_VIEWS
from feature_repo.explanation import group_bets
from feature_repo.explanation.explain import explain_features
from feature_repo.explanation.formulas import ADDING_COLUMNS, MEASURE_FORMULAS, calculate, names_in
from feature_repo.explanation.subject import ExplainRequest
from feature_repo.group_keys import make_key
from feature_repo.postgres.queries import feast_statement
from tests import oracle
from tests.builders.bet_logs import EPOCH, logs
from tests.ingestion.features.test_refresh import LATER, batches_of, graded_log, refresh_in

MEASURES = {feature.name: feature.measure for view in GROUPED_VIEWS for feature in view.declared}
EXAMPLES = settings(max_examples=8)


@pytest.fixture
def explain(database, empty_redis):
    clock.set_now(LATER)
    with redis.Redis.from_url(empty_redis.url) as client:

        def explain(name, at, **subject):
            return explain_features(database, client, ExplainRequest(name, at=at, **({"limit": None} | subject)))

        yield explain


def keys_of(view, log):
    if view in BET_VIEWS:
        return sorted({version["id"] for version in log})
    return sorted({make_key([version[column] for column in view.group.columns]) for version in log})


def row_by_oracle(view, rows, key, at):
    """The newest row of the oracle by the instant; nulls where there is none."""
    known = {instant: row for (of, instant), row in rows[view.name].items() if of == key and instant <= at}
    row = known[max(known)] if known else None
    if view in GROUPED_VIEWS:
        return row or dict.fromkeys(view.features)
    names = (*oracle.FACTS, "decimal_odds", "implied_prob", "amount") if view.name == "bet_facts" else view.features
    return dict(zip(names, row, strict=True)) if row else dict.fromkeys(names)


def is_near(value, exact):
    return value == exact or (None not in (value, exact) and abs(value - exact) <= 1e-9 * max(1, abs(exact)))


@EXAMPLES
@given(logs(max_size=40), st.lists(st.integers(0, 99), max_size=2), st.data())
def test_every_feature_agrees_with_the_bets_behind_and_with_the_oracle_at_any_instant(
    database, explain, log, cuts, data
):
    rows = oracle.all_rows(log)
    instants = sorted({version["known_at"] for version in log} | {EPOCH, LATER})
    with database.transaction(force_rollback=True):
        refresh_in(database, batches_of(log, cuts), 20)
        for view in STORED_VIEWS:
            for key in data.draw(st.permutations(keys_of(view, log)))[:2]:
                at = data.draw(st.sampled_from(instants))
                subject = {"bet": key} if view in BET_VIEWS else {"key": key}
                (explained,) = explain(view.name, at, **subject).views
                exact = row_by_oracle(view, rows, key, at)
                for feature in explained.features:
                    assert feature.agrees, feature
                    assert is_near(feature.recomputed, exact[feature.feature]), (feature, exact)


@EXAMPLES
@given(logs(max_size=40, ids=25), st.data())
def test_listed_contributions_of_a_group_add_up_to_the_stored_value(database, explain, log, data):
    instants = sorted({version["known_at"] for version in log} | {LATER})
    with database.transaction(force_rollback=True):
        refresh_in(database, batches_of(log, []), 20)
        for view in GROUPED_VIEWS:
            feature = data.draw(st.sampled_from(view.declared))
            formula = MEASURE_FORMULAS[feature.measure]
            for key in data.draw(st.permutations(keys_of(view, log)))[:2]:
                at = data.draw(st.sampled_from(instants))
                (explained,) = explain(feature.name, at, key=key).views
                counted = [version for version in explained.versions if version.state == "counts"]
                sums = {
                    name: sum(Fraction(repr(version.adds[name])) for version in counted) for name in names_in(formula)
                }
                value = calculate(formula, sums, feature.dtype).value
                stored = explained.features[0].stored
                assert is_near(value, stored) or (value, stored) == (0, None), (formula, sums, stored)


@EXAMPLES
@given(logs(max_size=40), st.data())
def test_a_whole_list_has_every_version_of_the_group_in_the_state_that_the_log_gives(database, explain, log, data):
    at = data.draw(st.sampled_from(sorted({version["known_at"] for version in log} | {LATER})))
    with database.transaction(force_rollback=True):
        refresh_in(database, batches_of(log, []), 20)
        known = [version for version in log if version["known_at"] <= at]
        later = {version["previous_seq"]: version["seq"] for version in known}
        for key in keys_of(GROUPED_VIEWS[0], log)[:3]:
            (explained,) = explain("sport_win_rate", at, key=key).views
            expected = {
                version["seq"]: "deleted"
                if version["is_deleted"]
                else "replaced"
                if version["seq"] in later
                else "counts"
                for version in known
                if make_key([version["sport"]]) == key
            }
            assert {version.seq: version.state for version in explained.versions} == expected
            assert {version.seq: version.replaced_by for version in explained.versions} == {
                seq: later.get(seq) for seq in expected
            }
            order = [(version.known_at, version.id, version.seq) for version in explained.versions]
            assert order == sorted(order, reverse=True)


@EXAMPLES
@given(logs(max_size=40), st.lists(st.integers(0, 99), max_size=2), st.integers(0, 12), st.data())
def test_a_short_list_begins_as_the_whole_list_without_versions_that_add_nothing(
    database, explain, log, cuts, limit, data
):
    at = data.draw(st.sampled_from(sorted({version["known_at"] for version in log} | {EPOCH, LATER})))
    view = data.draw(st.sampled_from([view for view in GROUPED_VIEWS if view.name != "sport_market_recent"]))
    feature = data.draw(st.sampled_from(view.declared))
    with database.transaction(force_rollback=True):
        refresh_in(database, batches_of(log, cuts), 20)
        for key in keys_of(view, log)[:3]:
            (whole,) = explain(f"{view.name}:{feature.name}", at, key=key).views
            (short,) = explain(f"{view.name}:{feature.name}", at, key=key, limit=limit).views
            adding = adding_versions(database, whole, feature.measure)
            assert list(short.versions) == adding[:limit]
            assert short.versions_in_all == len(adding)
            assert short.features == whole.features


def adding_versions(database, whole, measure):
    """Of a whole list the versions that count and add to a measure, by what they say of themselves."""
    versions = {row["seq"]: row for row in versions_in(database)}
    adds = {
        "graded": lambda row: row["status"] in ("SETTLED_WIN", "SETTLED_LOSS"),
        "at_risk": is_at_risk,
        "bet_rois": lambda row: is_at_risk(row) and row["amount_cents"] > 0,
        "priced": lambda row: row["status"] in ("SETTLED_WIN", "SETTLED_LOSS") and row["american_odds"] is not None,
        "clvs": lambda row: row["status"] != "PENDING" and row["clv_percentage"] is not None,
    }[ADDING_COLUMNS[measure]]
    return [each for each in whole.versions if each.state == "counts" and adds(versions[each.seq])]


def versions_in(database):
    with database.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("select * from processed.bet_versions").fetchall()


def is_at_risk(row):
    is_cost = row["status"] in ("SETTLED_WIN", "SETTLED_CASHEDOUT")
    is_loss = row["status"] == "SETTLED_LOSS" and row["profit_cents"] not in (None, 0)
    return row["amount_cents"] is not None and (is_cost or is_loss)


def test_a_list_past_the_most_that_are_listed_is_cut_and_the_count_stays(database, explain, monkeypatch):
    log = graded_log(60)
    refresh_in(database, [log], 100)
    monkeypatch.setattr(group_bets, "MOST_LISTED", 25)
    (view,) = explain("sport_win_rate", LATER, key=make_key([log[0]["sport"]])).views
    assert (len(view.versions), view.versions_in_all) == (25, 60)
    assert [version.seq for version in view.versions] == sorted((version["seq"] for version in log), reverse=True)[:25]


@EXAMPLES
@given(logs(max_size=40), st.data())
def test_expired_bets_between_two_instants_have_a_newest_row_that_grew_too_old(database, log, data):
    at = st.sampled_from(sorted({version["known_at"] for version in log} | {EPOCH, LATER}))
    since, until = sorted((data.draw(at), data.draw(at)))
    ttl = timedelta(minutes=data.draw(st.integers(1, 20)))
    view = data.draw(st.sampled_from(BET_VIEWS))
    with database.transaction(force_rollback=True):
        refresh_in(database, batches_of(log, []), 20)
        newest = {}
        changes = sql.Identifier("features", f"{view.name}_changes")
        for bet, instant in database.execute(sql.SQL("select bet_id, event_timestamp from {}").format(changes)):
            if instant <= until:
                newest[bet] = max(instant, newest.get(bet, instant))
        expired = [bet for bet, instant in newest.items() if since - ttl <= instant <= since and instant < until - ttl]
        query = sql.SQL(feast_statement("expired_between")).format(key=sql.Identifier("bet_id"), changelog=changes)
        found = database.execute(query, {"since": since, "until": until, "ttl": ttl}).fetchone()
        assert found == (len(expired),)


def test_every_measure_has_a_formula_and_a_column_that_marks_adding_versions():
    assert set(MEASURES.values()) == set(MEASURE_FORMULAS) == set(ADDING_COLUMNS)
