"""Copies of bets and how often books break relations, beside plain loops over the rows."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from quality.anomalies.baseline import habits
from quality.anomalies.relations import COPY, RELATIONS, with_copies
from quality.collected import collected
from tests.builders.batches import PLACED, batch

BETS = st.lists(
    st.fixed_dictionaries(
        {
            "institution_name": st.sampled_from(["Alpha", "Beta", None]),
            "league": st.sampled_from(["Premier League", None]),
            "american_odds": st.sampled_from([-110, 150, None]),
            "odds": st.sampled_from([-110.0, 2.5, None]),
            "time_placed": st.sampled_from([PLACED, PLACED + timedelta(microseconds=1), PLACED + timedelta(hours=1)]),
            "created_at": st.sampled_from([PLACED, PLACED + timedelta(minutes=1)]),
        }
    ),
    max_size=12,
)


@given(BETS)
def test_copy_is_every_equal_bet_but_the_earliest_and_null_where_a_needed_column_is_null(
    changes: list[dict[str, object]],
) -> None:
    bets = batch(*changes)
    found = collected(with_copies(bets.lazy()))
    assert found.drop(COPY).equals(bets)
    rows = bets.to_dicts()
    expected = []
    for row in rows:
        same = [other for other in rows if _natural_key(other) == _natural_key(row)]
        earliest = min(same, key=lambda other: (other["created_at"], other["known_at"], other["seq"]))
        is_known = row["institution_name"] is not None and row["american_odds"] is not None
        expected.append(row["seq"] != earliest["seq"] if is_known else None)
    assert found[COPY].to_list() == expected


def _natural_key(row: dict[str, object]) -> tuple[object, ...]:
    names = ("sport", "league", "market", "institution_name", "american_odds", "amount_cents", "bet_type")
    return row["time_placed"].replace(microsecond=0), *(row[name] for name in names)  # type: ignore[attr-defined]


@given(BETS)
def test_habits_count_the_judged_and_broken_bets_of_all_and_of_every_book(changes: list[dict[str, object]]) -> None:
    bets = collected(with_copies(batch(*changes).lazy()))
    broken = bets.select("institution_name", *(rule.alias(name) for name, rule in RELATIONS.items())).to_dicts()
    books = list(dict.fromkeys(row["institution_name"] for row in broken if row["institution_name"] is not None))
    expected = [
        (name, book, len(judged), sum(judged))
        for name in RELATIONS
        for book in [*([None] if broken else []), *books]
        for judged in [
            [row[name] for row in broken if row[name] is not None and book in (None, row["institution_name"])]
        ]
    ]
    assert habits(bets.lazy()).rows() == expected
