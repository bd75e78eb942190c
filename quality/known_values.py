"""The values of one feature as arrays: frames of a few rows are counted faster there than by queries over them."""

from __future__ import annotations

import numpy as np
import polars as pl


def known_values(values: pl.Series) -> np.ndarray:
    """The values that are not null, in their order: numbers as floats, text and flags as text (dtype object).

    Raises ValueError where a number is NaN or infinite.
    """
    if not values.dtype.is_numeric():
        return np.array([text for text in values.cast(pl.String).to_list() if text is not None], dtype=object)
    numbers = values.cast(pl.Float64).to_numpy()
    known: np.ndarray = numbers[np.isfinite(numbers)]
    # Here a null is a NaN too.
    if odd := values.len() - values.null_count() - len(known):
        raise ValueError(f"{values.name} is not finite in {odd:,} rows")
    return known
