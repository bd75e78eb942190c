"""New ids of forgotten bets, between those of their neighbours; and names struck out of words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.forgetting.strike import STRUCK, PersonalNames
from ingestion.forgetting.surrogates import Neighbours, surrogates

IDS = st.text(st.sampled_from("09afAZ-_ é\U0001f600"), min_size=1, max_size=5)


@given(st.lists(IDS, min_size=3, max_size=8, unique=True), st.data())
def test_new_ids_keep_the_order_of_bets_between_neighbours(ids, data):
    ids = sorted(ids)
    start = data.draw(st.integers(0, len(ids) - 1))
    end = data.draw(st.integers(start, len(ids) - 1))
    below = ids[start - 1] if start else None
    above = ids[end + 1] if end + 1 < len(ids) else None
    given_ids = surrogates(Neighbours(bet, below, above) for bet in ids[start : end + 1])
    in_order = [given_ids[bet] for bet in ids[start : end + 1]]
    if (below, above) != (None, None):
        assert in_order == sorted(in_order)
        assert below is None or below < in_order[0]
        assert above is None or in_order[-1] < above
    assert len(set(in_order)) == len(in_order)


def test_new_id_between_neighbours_does_not_hold_the_old_id():
    (new,) = surrogates([Neighbours("be3001e1c6c7834db", "be3001e1c6c7834da", "be3001e1c6c7834dc")]).values()
    assert "be3001e1c6c7834db" not in new
    assert "be3001e1c6c7834da" < new < "be3001e1c6c7834dc"


@pytest.mark.parametrize(
    ("value", "struck"),
    [
        ("bet b-1 and b-10", f"bet {STRUCK} and b-10"),
        ({"examples": ["b-1", "x"], "b-1": 1}, {"examples": [STRUCK, "x"], STRUCK: 1}),
        ({"rows": 42}, {"rows": 42}),
        ("a b/c, a b/cd", f"{STRUCK}, a b/cd"),
        (None, None),
    ],
)
def test_names_are_struck_out_of_texts_as_whole_words(value, struck):
    assert PersonalNames(frozenset(["b-1", "42", "a b/c"])).struck(value) == struck
