"""What tells whether two training frames are the same."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl


def frame_digest(frame: pl.DataFrame) -> str:
    """SHA-256 of a frame, in hexadecimal: two frames have the same when their columns, rows and values are the same.

    What libraries make of it in memory or in a file is no part of it.
    """
    digest = hashlib.sha256()
    for column in frame:
        nulls = column.is_null().to_numpy()
        digest.update(f"{column.name}\0{column.dtype}\0{len(column)}\0".encode())
        digest.update(np.packbits(nulls).tobytes())
        if column.dtype == pl.String:
            texts = column.fill_null("")
            digest.update(texts.str.len_bytes().cast(pl.Int64).to_numpy().tobytes())
            digest.update("".join(texts.to_list()).encode())
        elif column.dtype == pl.Boolean:
            digest.update(np.packbits(column.fill_null(value=False).to_numpy()).tobytes())
        else:
            digest.update(column.to_physical().fill_null(0).to_numpy().tobytes())
    return digest.hexdigest()
