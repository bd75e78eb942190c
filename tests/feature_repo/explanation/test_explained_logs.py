"""Explanations of random logs at random instants, beside what is stored and beside the oracle of the tests."""

from __future__ import annotations

from fractions import Fraction

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo import clock
from feature_repo.declarations.views import BET_VIEWS, GROUPED_VIEWS, STORED_VIEWS
from feature_repo.explanation.explain import explain_features
from feature_repo.explanation.formulas import ADDING_COLUMNS, MEASURE_FORMULAS, calculate, names_in
from feature_repo.explanation.subject import ExplainRequest
from feature_repo.group_keys import make_key
from tests import oracle
from tests.builders.bet_logs import EPOCH, logs
from tests.ingestion.features.test_refresh import LATER, batches_of, refresh_in

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


def test_every_measure_has_a_formula_and_a_column_that_marks_adding_versions():
    assert set(MEASURES.values()) == set(MEASURE_FORMULAS) == set(ADDING_COLUMNS)
