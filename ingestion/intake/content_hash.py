"""The content hash of a row: by it a row that was read before is known."""

from __future__ import annotations

import hashlib
from typing import Final

import polars as pl

from quality.schema import ACCEPTED_SCHEMA

_DIGEST_BYTES: Final = 16


def content_hashes(accepted: pl.DataFrame) -> pl.Series:
    """A digest of each row's typed values, the same for the same bet from any source and in any spelling.

    That of a row that is not deleted says nothing of deletes, as all did before they were read.
    """
    columns = [_canonical(pl.col(name), dtype) for name, dtype in ACCEPTED_SCHEMA.items() if name != "is_deleted"]
    suffix = pl.when("is_deleted").then(pl.lit(" deleted")).otherwise(pl.lit(""))
    return text_digests(accepted.select(row=pl.struct(columns).struct.json_encode() + suffix)["row"])


def _canonical(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        return column.dt.timestamp("us")
    if dtype.is_float():  # -0.0 is 0.0, though JSON spells it otherwise
        return pl.when(column == 0).then(0.0).otherwise(column).name.keep()
    return column


def text_digests(texts: pl.Series) -> pl.Series:
    """The 16-byte BLAKE2b digest of each text in UTF-8, in order: a column of binary, called content_hash.

    For rows that were refused, of which only the payload is known: `content_hashes` digests the typed values of sound
    ones.
    """
    digests = [hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest() for text in texts]
    return pl.Series("content_hash", digests, pl.Binary)
