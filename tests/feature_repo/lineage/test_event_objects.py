"""Events are the same plain objects that OpenLineage's own client makes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import Any

import attrs
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from openlineage.client.serde import Serde

from feature_repo.lineage.event_objects import plain_object


class Colour(Enum):
    RED = "red"
    NONE = None


@attrs.define
class Facet:
    _producer: Any
    name: Any = None
    parts: Any = attrs.field(factory=list)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(Colour)
    | st.datetimes(timezones=st.just(UTC))
    | st.dates()
    | st.uuids()
    | st.integers(-(2**63), 2**63 - 1).map(np.int64)
)
VALUES = st.recursive(
    LEAVES,
    lambda values: st.one_of(
        st.lists(values, max_size=3),
        st.tuples(values, values),
        st.dictionaries(st.text(max_size=3), values, max_size=3),
        st.builds(Facet, values, values, values),
    ),
    max_leaves=12,
)


@given(producer=VALUES, name=VALUES, parts=VALUES)
def test_object_is_that_of_the_client(producer: Any, name: Any, parts: Any) -> None:
    facet = Facet(producer, name, parts)
    plain = plain_object(facet)
    assert plain == Serde.to_dict(facet)
    assert repr(plain) == repr(Serde.to_dict(facet))


def test_event_of_the_client_becomes_an_object_of_names_and_values() -> None:
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState

    at = datetime(2026, 5, 24, 15, tzinfo=UTC).isoformat()
    event = RunEvent(
        eventTime=at,
        producer="urn:pikkit",
        run=Run("0190a1b2-0000-7000-8000-000000000000", {}),
        job=Job("pikkit", "gate"),
        eventType=RunState.START,
    )
    assert plain_object(event) == Serde.to_dict(event)
    assert plain_object(event)["eventType"] == "START"
