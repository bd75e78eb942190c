"""What is written to Redis without message objects is what Feast writes with them, and what layout.decode reads."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.online_store.layout import entity_key, instant_of_microseconds, key_prefix, microseconds
from feature_repo.online_store.protobuf import decode, decode_instant, encode_instant
from feature_repo.online_store.write import encode_columns

FLOATS = st.none() | st.floats(allow_nan=False)
INTEGERS = st.none() | st.integers(-(2**63), 2**63 - 1)
TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
INSTANTS = st.datetimes(timezones=st.just(UTC))


def as_feast(values: list[Any], feast_type: Any) -> list[bytes]:
    from feast.type_map import python_values_to_proto_values

    return [
        message.SerializeToString() for message in python_values_to_proto_values(values, feast_type.to_value_type())
    ]


def encode_values(column: pl.Series, feast_type: Any) -> list[bytes]:
    (encoded,) = encode_columns(column.rename("of it").to_frame(), {"of it": feast_type})
    return list(encoded)


KINDS = {
    "Float64": (pl.Float64, FLOATS),
    "Int64": (pl.Int64, INTEGERS),
    "String": (pl.String, TEXTS),
    "Bool": (pl.Boolean, st.none() | st.booleans()),
}


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
def test_column_is_encoded_byte_for_byte_as_by_feast(name: str, data: st.DataObject) -> None:
    import feast.types

    dtype, values = KINDS[name]
    column = data.draw(st.lists(values, max_size=8))
    encoded = encode_values(pl.Series(column, dtype=dtype), getattr(feast.types, name))
    assert encoded == as_feast(column, getattr(feast.types, name))
    assert [decode(message) for message in encoded] == column


@given(data=st.data())
def test_columns_are_encoded_together_as_each_by_itself(data: st.DataObject) -> None:
    import feast.types

    kinds = data.draw(st.lists(st.sampled_from(list(KINDS)), max_size=6))
    height = data.draw(st.integers(0, 4))
    values = [data.draw(st.lists(KINDS[kind][1], min_size=height, max_size=height)) for kind in kinds]
    columns = {f"column {place}": kind for place, kind in enumerate(kinds)}
    frame = pl.DataFrame(
        [pl.Series(name, of_it, KINDS[kind][0]) for (name, kind), of_it in zip(columns.items(), values, strict=True)]
    )
    encoded = encode_columns(frame, {name: getattr(feast.types, kind) for name, kind in columns.items()})
    assert [list(column) for column in encoded] == [
        as_feast(column, getattr(feast.types, kind)) for column, kind in zip(values, kinds, strict=True)
    ]


@given(value=TEXTS.filter(lambda text: text is not None))
def test_redis_key_of_every_view_is_that_of_feast(value: str) -> None:
    from feast.infra.online_stores.helpers import _redis_key
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    for join_key in {view.join_key for view in STORED_VIEWS}:
        entity = EntityKey(join_keys=[join_key], entity_values=[Value(string_val=value)])
        assert entity_key(key_prefix(join_key), value, b"pikkit") == _redis_key("pikkit", entity, 3)


def test_types_without_an_encoder_are_encoded_by_feast() -> None:
    from feast.types import Array, Float32, Int32, Int64, UnixTimestamp

    at = datetime(2026, 5, 24, 15, tzinfo=UTC)
    for feast_type, values in (
        (Int32, [1, None, -5]),
        (Float32, [0.5, None]),
        (UnixTimestamp, [at, None]),
        (Array(Int64), [[1, 2], None]),
    ):
        encoded = list(encode_values(pl.Series(values), feast_type))
        assert encoded == as_feast(values, feast_type)
        assert encoded[1] == b""


def test_nan_is_encoded_as_null() -> None:
    from feast.types import Float64

    (encoded,) = encode_values(pl.Series([math.nan]), Float64)
    assert encoded == b""


def test_infinity_is_encoded_as_a_number() -> None:
    from feast.types import Float64

    assert [decode(message) for message in encode_values(pl.Series([math.inf, -math.inf]), Float64)] == [
        math.inf,
        -math.inf,
    ]


@given(INSTANTS)
def test_instant_is_decoded_as_the_instant_that_was_encoded(at: datetime) -> None:
    assert decode_instant(encode_instant(microseconds(at))) == microseconds(at)
    assert instant_of_microseconds(microseconds(at)) == at


def test_missing_instant_is_decoded_as_none() -> None:
    assert decode_instant(None) is None


@given(INSTANTS, st.integers(-3, 3))
def test_microseconds_are_exact(at: datetime, more: int) -> None:
    assert microseconds(at + timedelta(microseconds=more)) - microseconds(at) == more
